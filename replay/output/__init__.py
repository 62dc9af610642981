"""How answers are put out: tables, lines, JSON, exit codes."""
