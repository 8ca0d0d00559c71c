"""From an accepted event to a settled one: buffer, packing, flush, delivery."""
