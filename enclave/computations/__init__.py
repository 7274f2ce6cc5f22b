"""What a run may compute: plain functions of Arrow tables, and the one gate its result passes.

An engine (one process, or tasks on a gang of workers) walks an operation in four steps:
`key_table` and `partition` each input, `match` each partition, `combine`, then `outcome`; the gate
in `release` decides what of it leaves. Nothing here opens files, holds keys or talks to anybody.
"""
