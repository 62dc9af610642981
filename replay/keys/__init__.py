"""The past of keys: their values at any record, and what changed them."""
