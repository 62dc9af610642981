"""What moves: each actor owns one thing, and nothing else touches it.

`system` makes and joins them; `service` is the program around them. Nothing imports
this package but the program, and `replay serve`.
"""
