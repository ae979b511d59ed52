"""How it is measured: workers, the pool that owns them, and what is made of their times."""
