"""From a session and an argv to a reply and the effects to record."""
