"""Undoing: the commands that take back what records did."""
