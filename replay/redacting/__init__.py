"""`replay redact`: records made unreadable, so that every digest still verifies."""
