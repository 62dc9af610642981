"""The command table: what is known of each command, said once, at its handler."""
