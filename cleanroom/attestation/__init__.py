"""Who is there: from evidence to claims to an attestation result (RFC 9334).

`verifier.verify` is cryptography and stops at the first fault; `appraisal.appraise` compares the
claims with the policy of the manifest and lists every finding. Neither reads a clock, a file or
the network: certificates and collateral arrive as bytes, time arrives as `now`.
"""
