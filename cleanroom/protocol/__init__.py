"""What the parts say to each other, as records with verification that does no I/O.

Client, coordinator and worker all use this package, so that a worker can verify the coordinator
without the client, and each message has one shape. It opens no socket and reads no clock.
"""
