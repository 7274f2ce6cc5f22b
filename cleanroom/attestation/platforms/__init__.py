"""One module per vendor; none knows another."""
