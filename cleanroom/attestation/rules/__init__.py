"""One module of comparisons for each platform; what they share is in `comparing`."""
