"""The HTTP side: bytes in, events to the intake, answers out."""
