"""Databases of keys, their deadlines, and how to match and scan them."""
