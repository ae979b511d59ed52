"""The commands behind `python -m src`."""
