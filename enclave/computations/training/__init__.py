"""Training on joined rows: which rows learn and which test, the fit, and what of it may leave.

The join is the intersection's own. Nothing here knows which party asked, and nothing leaves but
through the gate in `release`.
"""
