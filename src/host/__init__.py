"""Where it is measured: the machine, what else uses it, and the lock that lets one measure at a time."""
