"""A wall clock that jumps days to and fro, for processes that have this folder in PYTHONPATH."""

import time

real, real_gmtime = time.time, time.gmtime


def jumping() -> float:
    now = real()
    return now + (-86_400.0, 3_600.0, 0.0, 10 * 86_400.0)[int(now * 2) % 4]


def gmtime(seconds: float | None = None) -> time.struct_time:
    return real_gmtime(jumping() if seconds is None else seconds)


time.time, time.gmtime = jumping, gmtime
