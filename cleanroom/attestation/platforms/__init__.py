"""One module for each platform: what its guests present. None knows another."""
