"""Proofs: receipts and digests that somebody kept."""
