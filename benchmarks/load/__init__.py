"""Whole processes over loopback: what one event costs a gateway in CPU time."""
