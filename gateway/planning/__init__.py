"""What settings would do with a sample of events: read, simulated on virtual time, told; no bus is asked."""
