"""What is measured into a confidential VM: coordinator, workers, and what they compute.

Nothing here is needed by a party; `cleanroom` never imports it.
"""
