"""Envelopes, signatures, sealing and short-lived certificates, all from `cryptography`.

Nothing here invents a primitive or an algorithm choice at run time: each object names its suite,
and an unknown suite is refused. Keys arrive as arguments; nothing is read from a file.
"""
