"""What a maker of processors signs: the steps to authenticate it, one module for each maker.

A platform is what a guest presents, and may hold a processor's report in a cover of its own: so
the steps stand here, below `platforms`, where several platforms can build on them.
"""
