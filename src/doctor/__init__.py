"""Does this installation measure what it says? Checks, and hand-written loops beside the workers."""
