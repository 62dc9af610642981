"""The command table, and one module of handlers for each group of commands."""
