"""One module for each platform: what an entry accepts and leaves open, and what mends a finding."""
