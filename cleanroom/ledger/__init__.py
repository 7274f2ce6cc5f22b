"""What happened: an append-only Merkle log, its signed heads, and proofs about both.

Entries say *that* something happened and name it by digest; they never hold a key, a row or a
count. This package keeps no file and signs nothing by itself.
"""
