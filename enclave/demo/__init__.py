"""The main job on this machine: a bank and a shop, from nothing to a verified receipt.

Everything runs as it would on real machines, with the same code: only the platform is simulated.
"""
