"""How it is measured: plans, sessions, rounds and the events that they leave."""
