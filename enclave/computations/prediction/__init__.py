"""Prediction and evaluation: a protected model meets rows that its owner never sees.

Models are judged by `cleanroom.dataset.models` first; what they say leaves through the gate.
"""
