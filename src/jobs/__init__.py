"""Runs asked for: a queue in the store, a supervisor that starts them, a process that measures each."""
