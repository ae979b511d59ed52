"""The search for the fastest faithful configuration of this host."""
