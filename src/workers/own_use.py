"""What a process took of the CPU, as itself and the kernel count it. Runs on Python 3.9 too."""

from __future__ import annotations

import os
import time
from typing import Any


def thread_times() -> dict[str, tuple[int, int]]:
    """Return, by thread of this process, nanoseconds on a CPU and nanoseconds of waiting for one.

    Empty where the kernel does not tell (Documentation/scheduler/sched-stats.rst).
    """
    times = {}
    folder = "/proc/self/task"
    for thread in os.listdir(folder) if os.path.isdir(folder) else []:
        try:
            with open("%s/%s/schedstat" % (folder, thread)) as stream:
                ran, waited = stream.read().split()[:2]
        except (OSError, ValueError):
            continue
        times[thread] = (int(ran), int(waited))
    return times


def involuntary_switches() -> int:
    """Return how often this process lost a CPU that it could have gone on using."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class OwnUse:
    """What this process took of the CPU since the object was made."""

    def __init__(self) -> None:
        self.threads = thread_times()
        self.involuntary = involuntary_switches()
        self.cpu = time.process_time_ns()
        self.wall = time.perf_counter_ns()

    def since(self, paused_ns: int = 0) -> dict[str, Any]:
        """Return wall (less `paused_ns`) and CPU nanoseconds, involuntary context switches, nanoseconds of
        waiting for a CPU (all threads together; None where unknown, and with pauses, as waking takes time),
        and how many threads ran for more than 1 % of the time (None where unknown).
        """
        wall = max(1, time.perf_counter_ns() - self.wall - paused_ns)
        cpu = time.process_time_ns() - self.cpu
        involuntary = involuntary_switches() - self.involuntary
        now = thread_times()
        before = self.threads
        changes = [
            (a - before.get(id, (0, 0))[0], b - before.get(id, (0, 0))[1]) for id, (a, b) in now.items()
        ]
        return {
            "wall_ns": wall,
            "cpu_ns": cpu,
            "involuntary_switches": involuntary,
            "waited_ns": sum(waited for _, waited in changes) if changes and not paused_ns else None,
            "threads_ran": sum(ran > 0.01 * wall for ran, _ in changes) if changes else None,
        }
