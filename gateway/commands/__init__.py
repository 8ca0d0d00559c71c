"""The larger commands, a module each."""
