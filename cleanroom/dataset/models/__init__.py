"""Files of trained models, judged before any library sees them: bounded readers in plain Python.

Libraries that read models are large, and some crash on hostile bytes; what they get has been read
here first, whole, at the owner's side and again in the worker. Pickles are named and refused.
"""
