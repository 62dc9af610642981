"""The first record after which something no longer holds."""
