"""The wire: requests from bytes, bytes from replies."""
