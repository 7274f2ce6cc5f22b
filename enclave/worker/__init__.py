"""What runs on an attested worker: its lease, the keys of one run, and two engines for it.

The worker verifies the room before it proves itself, decrypts only what one run was granted, and
forgets all of it at the end. It decides nothing about who may run what: the coordinator does.
"""
