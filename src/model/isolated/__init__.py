"""What builds artifacts inside an isolated environment, with its own libraries: runs on Python 3.9 too."""
