"""Commands on keys of any type, their deadlines, and whole databases."""
