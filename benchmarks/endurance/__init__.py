"""Long runs under trouble: is anything lost, does the sum hold, does memory stay, is speed back at once."""
