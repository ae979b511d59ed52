"""Who is measured: a process for each engine, and the parent's side of it."""
