"""What vendors say about machines, fetched and kept: the only room that talks to a vendor.

Nothing that is fetched is trusted: every certificate, list and document is signed, and
`cleanroom.attestation` judges signatures and times. What this room adds is that they are there:
from the vendors' services (`amd`, `intel`), from a directory (`cache`), or from one file that was
made where the network is (`bundle`).
"""
