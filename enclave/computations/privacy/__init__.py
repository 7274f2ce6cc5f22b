"""Differential privacy inside a worker: noise by OpenDP on whole numbers, and what gets it.

What one unit can change is bounded on integers, exactly; noise is drawn by OpenDP's discrete
mechanisms, which sample without a floating-point number; what several draws cost together is
`dp-accounting`'s business. Nothing here draws noise by itself, and nothing counts budgets.
"""
