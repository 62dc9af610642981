"""The values that a key can hold; they know no key, clock, reply or wire."""
