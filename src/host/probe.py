"""A probe of what no kernel counter tells: how fast a CPU runs now, and how far apart two CPUs are.

On a virtual machine a neighbour may share a physical core, or the hypervisor may place two CPUs on distant
cores. Neither is steal. Seen here: two CPUs 190 ns apart, and for seconds at a time 600 ns, which made one
engine 1.8 times slower and another 1.2 times.

    python -m src.host.probe FD PARENT_PID

is the other side of the ping-pong: a process that is stopped but while it is asked.
"""

import mmap
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from src.home import ROOT
from src.process import die_with_parent

OURS, THEIRS = 0, 64  # bytes on cache lines of their own
IDLE, END = 0, 255
GROUPS, TURNS = 15, 60  # round trips: the median of so many groups
SPINS = 400_000  # looks for an answer, some 20 ms, before the other side counts as kept from its CPU
KEPT_NS = 1e6
LOOPS = 3000  # of the loop that tells how fast a CPU is, some 0.1 ms
FASTEST_OF = 3
MOST_CPUS = 4  # probed one after the other


@dataclass(frozen=True)
class Speed:
    """`apart_ns`: a round trip between the first and the last CPU, None with one CPU or where it cannot be
    measured. `loop_us`: a fixed loop on the slowest CPU.
    """

    apart_ns: float | None
    loop_us: float


class Probe:
    """Measures the CPUs that engines run on, between two slices. Only for the main thread of a measurer."""

    def __init__(self, cpus: list[int]) -> None:
        self.cpus = cpus
        self.home = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        self.partner: subprocess.Popen[bytes] | None = None
        if len(cpus) > 1 and self.home and hasattr(os, "memfd_create"):
            self.start()

    def start(self) -> None:
        fd = os.memfd_create("probe")
        os.ftruncate(fd, mmap.PAGESIZE)
        self.memory = mmap.mmap(fd, mmap.PAGESIZE)
        self.partner = subprocess.Popen(
            [sys.executable, "-m", "src.host.probe", str(fd), str(os.getpid()), str(self.cpus[-1])],
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(fd)
        if not self.stopped():
            self.close()

    def stopped(self) -> bool:
        """Wait until the partner is stopped; tell whether it lives."""
        assert self.partner
        found = os.waitid(os.P_PID, self.partner.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def measure(self) -> Speed:
        """Return how fast the CPUs are now. Takes about 1 ms."""
        if not self.home:
            return Speed(None, min(loop_us() for _ in range(FASTEST_OF)))
        try:
            slowest = 0.0
            for cpu in self.cpus[:MOST_CPUS]:
                os.sched_setaffinity(0, [cpu])
                slowest = max(slowest, min(loop_us() for _ in range(FASTEST_OF)))
            os.sched_setaffinity(0, [self.cpus[0]])
            return Speed(self.round_trip_ns() if self.partner else None, slowest)
        finally:
            os.sched_setaffinity(0, self.home)

    def round_trip_ns(self) -> float | None:
        """Return the median time of a round trip; KEPT_NS where the partner does not get its CPU."""
        assert self.partner
        memory, clock = self.memory, time.perf_counter_ns
        memory[THEIRS] = memory[OURS] = IDLE  # before it runs: END would stop it at once
        if self.partner.poll() is not None:
            self.close()
            return None
        os.kill(self.partner.pid, signal.SIGCONT)
        times = []
        value = 1
        for _ in range(1 + GROUPS):  # the first one waits for the partner to wake up
            began = clock()
            for _ in range(TURNS):
                value = 3 - value
                memory[OURS] = value
                for _ in range(SPINS):  # no function call in here: it would take as long as what is measured
                    if memory[THEIRS] == value:
                        break
                else:
                    return self.kept_from_its_cpu()
            times.append((clock() - began) / TURNS)
        memory[OURS] = END
        self.stopped()
        return sorted(times[1:])[GROUPS // 2]

    def kept_from_its_cpu(self) -> float | None:
        """Return KEPT_NS, or None once the partner is gone for good."""
        self.memory[OURS] = END
        if self.stopped():
            return KEPT_NS
        self.close()
        return None

    def close(self) -> None:
        """End the partner."""
        if self.partner:
            self.partner.kill()
            self.partner.wait()
            self.partner = None
            self.memory.close()


def loop_us() -> float:
    """Return how long a fixed computation takes now."""
    began = time.perf_counter_ns()
    total = 0
    for number in range(LOOPS):
        total += number
    return (time.perf_counter_ns() - began) / 1000


def main() -> None:
    """Answer each value with itself; stop when told that this was the end."""
    fd, parent, cpu = map(int, sys.argv[1:])
    die_with_parent(parent)
    os.sched_setaffinity(0, [cpu])
    memory = mmap.mmap(fd, mmap.PAGESIZE)
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)
        last = IDLE
        while last != END:
            value = memory[OURS]
            if value != last:
                memory[THEIRS] = last = value


if __name__ == "__main__":
    main()
