"""The contract: one document that says everything the parties agreed to.

What is not in it cannot happen. It holds typed fields, no policy language and no templates, so
that it can be compared, projected and explained. This package reads no file and no clock.
"""
