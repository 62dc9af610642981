"""What handlers may reach: a command's context, its client, the server's state."""
