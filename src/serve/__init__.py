"""A classifier behind HTTP, as Infinity was: its API for nothing."""
