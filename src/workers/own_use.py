"""What a process took of the CPU, as itself and the kernel count it. Runs on Python 3.9 too."""

from __future__ import annotations

import math
import os
import time

from src.facts import Facts

LITTLE = 0.01  # of the time; who ran less did not compute


def thread_times() -> dict[str, tuple[int, int]]:
    """Return, by thread of this process, nanoseconds on a CPU and nanoseconds of waiting for one.

    Empty where the kernel does not tell (Documentation/scheduler/sched-stats.rst). Its clocks of threads are
    up to date, which schedstat is only after a tick.
    """
    times = {}
    folder = "/proc/self/task"
    for thread in os.listdir(folder) if os.path.isdir(folder) else []:
        try:
            with open("%s/%s/schedstat" % (folder, thread)) as stream:
                waited = stream.read().split()[1]
            times[thread] = (time.clock_gettime_ns(clock_of(int(thread))), int(waited))
        except (OSError, IndexError, ValueError):
            continue
    return times


def clock_of(thread: int) -> int:
    """Return the kernel's clock of a thread's CPU time, as pthread_getcpuclockid(3) makes it."""
    return ~thread << 3 | 0b110


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

    def since(self, paused_ns: int = 0) -> Facts:
        """Return wall (less `paused_ns`) and CPU nanoseconds, involuntary context switches, nanoseconds of
        waiting for a CPU (all threads together; None where unknown, and with pauses, as waking takes time),
        and how many threads ran for more than 1 % of the time (None where unknown). Of threads that are gone
        only their CPU time is left: they count as the fewest that could have taken it.
        """
        wall = max(1, time.perf_counter_ns() - self.wall - paused_ns)
        cpu = time.process_time_ns() - self.cpu
        involuntary = involuntary_switches() - self.involuntary
        now = thread_times()
        before = self.threads
        changes = [
            (a - before.get(id, (0, 0))[0], b - before.get(id, (0, 0))[1]) for id, (a, b) in now.items()
        ]
        ran_ns = [ran for ran, _ in changes]
        gone = max(0, math.ceil((cpu - sum(ran_ns)) / wall - LITTLE))
        return {
            "wall_ns": wall,
            "cpu_ns": cpu,
            "involuntary_switches": involuntary,
            "waited_ns": sum(waited for _, waited in changes) if changes and not paused_ns else None,
            "threads_ran": sum(ran > LITTLE * wall for ran in ran_ns) + gone if changes else None,
        }
