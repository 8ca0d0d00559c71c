"""`gateway dead-letters`: what was given up and why, sending it again, removing it."""
