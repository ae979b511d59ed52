"""What can run: one row an engine in the registry, one file a runtime. Runs on Python 3.9 as well."""
