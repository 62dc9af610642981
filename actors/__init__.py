"""What moves: each actor owns one thing, and nothing else touches it."""
