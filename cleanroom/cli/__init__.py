"""The command line: one module for each group of verbs, and no logic of its own.

Standard output carries the result only; progress and errors go to standard error. Every command
calls the same functions that the SDK offers.
"""
