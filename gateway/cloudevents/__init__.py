"""The CloudEvents specification: JSON event format and HTTP protocol binding."""
