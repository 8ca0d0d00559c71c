"""The administration interface, on a listener of its own."""
