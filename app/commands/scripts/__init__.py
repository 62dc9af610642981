"""Commands on scripts and functions."""
