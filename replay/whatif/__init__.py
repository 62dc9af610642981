"""What would have been: commands of the log, run again with something changed."""
