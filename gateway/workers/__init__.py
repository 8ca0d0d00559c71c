"""Several processes that take events on the same addresses, and one that looks after them."""
