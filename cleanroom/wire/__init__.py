"""gRPC: the services' generated stubs, and how errors and channels cross the wire.

No decision is made here: records are verified by `cleanroom.protocol`, callers by the coordinator.
"""
