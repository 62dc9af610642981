"""Commands on the server: settings, figures, the log, debugging."""
