"""From a party's table to encrypted Parquet and back: read, check, normalise, seal, unseal.

A table goes one way: `read.open_source` → `check.conforming` → `seal.seal` on the owner's machine,
`unseal.open_part` inside an attested worker. Nothing here talks to a network or signs anything, and
no message carries a cell value.
"""
