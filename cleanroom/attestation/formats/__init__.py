"""Byte formats that platforms share: one bounded reader, one layout table per structure."""
