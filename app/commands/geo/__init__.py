"""Commands on positions, which are kept in sorted sets."""
