"""The app's client, and the process that measures what people type."""
