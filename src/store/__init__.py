"""Runs kept: where the events of a run go, and where they are read from again."""
