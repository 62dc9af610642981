"""Records found and counted: by key, client, script, time."""
