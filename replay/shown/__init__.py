"""Records, versions and rehearsals as text and as JSON."""
