"""The gRPC services, one module for each: bytes in, one call of the engine, bytes out.

Nothing is decided here. `door` says who may call what, before a request is read.
"""
