"""What every child process does first: end with its parent, and be the first to go when memory runs out."""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent's thread ends; end now if that has happened already.

    SIGKILL, because a stopped process does not notice a SIGTERM.
    """
    import ctypes
    import signal

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def offer_to_oom_killer() -> None:
    """Be the first that the kernel ends when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    except OSError:
        pass
