"""What `benchmarks.fuzz` runs: the receiver as a target, with mutations guided by coverage or blind."""
