"""What came out: results, noise and ratios, computed from the events of a run."""
