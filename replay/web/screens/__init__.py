"""The pages, one module each: `add` gives each its address."""
