"""Commands on strings, their bits, and counts of different elements."""
