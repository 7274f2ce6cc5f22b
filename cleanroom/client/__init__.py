"""What a party does from its own machine: verify a room, bring data, run, read results, keep proof.

Nothing confidential leaves before the room's statement has been verified (`session`). This package
trusts no address, keeps a party's memory beside its manifest, and never computes on anybody's data.
"""
