"""Evidence of the host during each slice: did anything take the CPU away from what was timed?"""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from src.facts import Facts
from src.host import cgroup, machine
from src.host.probe import KEPT_NS, Probe, Speed

# A slice is disturbed beyond these, in cores. A quiet host here has 0.00 to 0.01 of waiting, and up to 0.06
# of other processes' CPU (this process between two slices, and the kernel's ticks).
WAITED_LIMIT_CORES = 0.1  # for each thread asked for
STEAL_LIMIT_CORES = 0.05  # for each thread
OTHERS_LIMIT_CORES = 0.25
# And by the probes, as multiples of the run's reference (see record.Record.reference).
APART_LIMIT, LOOP_LIMIT = 1.6, 1.4
# The kernel counts steal and total CPU use in ticks of 10 ms: they are judged over the latest slices together
# that took so long.
WINDOW_S = 1.0
SHORTEST_JUDGED_NS = 4e6


@dataclass(frozen=True)
class Counters:
    """Since boot, on the CPUs that are measured on: CPU seconds of everybody and stolen ones; periods in
    which the cgroup was throttled, and thermal throttling events (None where unknown); CPU seconds of this
    process.
    """

    at_s: float
    busy_s: float
    steal_s: float
    throttled: int | None
    overheated: int | None
    own_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the host did during one slice. Cores are CPU seconds per second; None where it cannot be known.

    `effective_threads` is the engine's CPU time ÷ wall time. `waited_cores` is how many of its threads were
    kept waiting for a CPU, `others_cores` what other processes used on its CPUs, `steal_cores` what the
    hypervisor took, both over the last second or so; `app_cores` is the app's own part of the others', None
    where this process is not the app's. `apart_ns` and `loop_us` are the slower of two probes
    (see probe.Speed), right before and right after the slice.
    """

    effective_threads: float
    threads_ran: int | None
    waited_cores: float | None
    others_cores: float | None
    steal_cores: float | None
    throttled: int | None
    overheated: int | None
    involuntary_switches: int
    apart_ns: float | None = None
    loop_us: float | None = None
    app_cores: float | None = None


def read_counters(cpus: list[int]) -> Counters:
    """Read the host's counters for these CPUs."""
    busy, steal = machine.cpu_seconds(cpus)
    return Counters(
        time.monotonic(),
        busy,
        steal,
        cgroup.throttled_periods(),
        machine.overheatings(cpus),
        time.process_time(),
    )


class Watch:
    """Watches the CPUs of one benchmark from slice to slice."""

    def __init__(self, cpus: list[int]) -> None:
        self.cpus = cpus
        self.probe = Probe(cpus)
        self.speed: Speed | None = None  # at the end of the last slice, if nothing has happened since
        self.before = read_counters(cpus)
        self.worker_s = self.app_s = 0.0
        # (seconds, everybody's, stolen, ours, the app's) of the latest slices
        self.window: deque[tuple[float, float, float, float, float]] = deque()
        self.forgotten = False

    def start(self, worker: int) -> None:
        """The slice of a worker (its process id), which is stopped, begins."""
        if self.forgotten:  # else the slices of the next second could not be judged
            self.others_now()
        self.speed = self.speed or self.probe.measure()
        self.app_s = machine.app_cpu_s() or 0.0
        self.worker_s = machine.process_cpu_s(worker)
        self.before = read_counters(self.cpus)

    def stop(self, worker: int, use: Facts) -> Evidence:
        """The slice has ended and its worker is stopped. `use` is what it told (see own_use.OwnUse)."""
        now, was = read_counters(self.cpus), self.before
        seconds = now.at_s - was.at_s
        ours = machine.process_cpu_s(worker) - self.worker_s + now.own_s - was.own_s
        app_s = machine.app_cpu_s()
        apps = 0.0 if app_s is None else app_s - self.app_s
        self.window.append((seconds, now.busy_s - was.busy_s, now.steal_s - was.steal_s, ours, apps))
        while sum(entry[0] for entry in self.window) - self.window[0][0] >= WINDOW_S:
            self.window.popleft()
        total, busy, stolen, own, app = (sum(column) for column in zip(*self.window, strict=True))
        judged = total >= WINDOW_S
        then, self.speed = self.speed, self.probe.measure()
        aparts = [speed.apart_ns for speed in (then, self.speed) if speed and speed.apart_ns is not None]
        # What is over before the kernel has looked once cannot be judged by how long it waited.
        waited = use["waited_ns"] if use["wall_ns"] > SHORTEST_JUDGED_NS else None
        return Evidence(
            effective_threads=use["cpu_ns"] / use["wall_ns"],
            threads_ran=use["threads_ran"],
            waited_cores=None if waited is None else waited / use["wall_ns"],
            others_cores=max(0.0, busy - own) / total if judged else None,
            steal_cores=max(0.0, stolen) / total if judged else None,
            throttled=difference(now.throttled, was.throttled),
            overheated=difference(now.overheated, was.overheated),
            involuntary_switches=use["involuntary_switches"],
            apart_ns=max(aparts, default=None),
            loop_us=max(speed.loop_us for speed in (then, self.speed) if speed),
            app_cores=app / total if judged and app_s is not None else None,
        )

    def others_now(self) -> tuple[float, float]:
        """Sleep for a moment; return how many cores others and the hypervisor took meanwhile.

        What is seen becomes the new window, so that the next slices are judged by it and themselves.
        """
        was, app_s = read_counters(self.cpus), machine.app_cpu_s() or 0.0
        time.sleep(WINDOW_S)
        now = read_counters(self.cpus)
        seconds, own = now.at_s - was.at_s, now.own_s - was.own_s
        busy, stolen = now.busy_s - was.busy_s, now.steal_s - was.steal_s
        self.window.clear()
        self.window.append((seconds, busy, stolen, own, max(0.0, (machine.app_cpu_s() or 0.0) - app_s)))
        self.speed = None
        self.forgotten = False
        return max(0.0, busy - own) / seconds, max(0.0, stolen) / seconds

    def speed_now(self) -> Speed:
        """Probe the CPUs."""
        self.speed = self.probe.measure()
        return self.speed

    def forget(self) -> None:
        """What was in the window is over: before the next slice a new one is filled."""
        self.window.clear()
        self.speed = None
        self.forgotten = True

    def close(self) -> None:
        """End the probe's process."""
        self.probe.close()


def difference(now: int | None, was: int | None) -> int | None:
    return None if now is None or was is None else now - was


def threads_allowed(facts: Facts, threads: int) -> int:
    """Return how many OS threads may run in an engine that was given `threads` of them.

    One more where its caller only waits while threads of its own compute: they take turns.
    """
    return threads + bool(facts.get("caller_waits"))


def disturbances(evidence: Evidence, threads: int, allowed: int) -> tuple[str, ...]:
    """Return the kinds of disturbance in a slice of an engine that was given `threads` threads: waited,
    others, steal, throttled, overheated.

    An engine that runs more threads than `allowed` keeps itself waiting, which is no
    disturbance.
    """
    crowded = evidence.threads_ran is not None and evidence.threads_ran > allowed
    kinds = {
        "waited": not crowded and (evidence.waited_cores or 0.0) > WAITED_LIMIT_CORES * threads,
        "others": (evidence.others_cores or 0.0) > OTHERS_LIMIT_CORES,
        "steal": (evidence.steal_cores or 0.0) > STEAL_LIMIT_CORES * threads,
        "throttled": bool(evidence.throttled),
        "overheated": bool(evidence.overheated),
    }
    return tuple(kind for kind, there in kinds.items() if there)


def slowdowns(speed: Speed | None, reference: Speed | None) -> tuple[str, ...]:
    """Return what a probe found slower than the reference: apart, slowed."""
    if speed is None or reference is None:
        return ()
    # A slow CPU takes longer for its side of the ping-pong as well: what is left is distance.
    slow = speed.loop_us / reference.loop_us
    apart = (
        speed.apart_ns is not None
        and reference.apart_ns is not None
        and speed.apart_ns > APART_LIMIT * reference.apart_ns * max(1.0, slow)
    )
    slowed = slow > LOOP_LIMIT
    return (*(("apart",) if apart else ()), *(("slowed",) if slowed else ()))


def explain(
    kind: str, evidences: Iterable[Evidence], count: int, of: int, reference: Speed | None = None
) -> str:
    """Return what disturbed `count` of `of` slices and what to do about it. `evidences` are those slices'."""
    evidences = list(evidences)
    others = middle([evidence.others_cores for evidence in evidences])
    where = f"in {count} of {of} slices"
    if kind in ("waited", "others"):
        if others is not None and others > OTHERS_LIMIT_CORES:
            amount = f"{others:.1f} cores" if others > 1.05 else f"{others:.1f} of a core"
            if (middle([evidence.app_cores for evidence in evidences]) or 0.0) > others / 2:
                return (
                    f"This app itself, which draws its pages, used most of {amount} {where}. Close its "
                    "pages, or run `python -m src bench` without it."
                )
            who = "Other processes" if others > 1.05 else "Another process"
            return f"{who} used {amount} {where}. Close other programs and run again."
        waited = middle([evidence.waited_cores for evidence in evidences]) or 0.0
        return (
            f"Its threads were kept from their CPUs for {100 * waited:.0f} % of the time {where}. "
            "Close other programs and run again."
        )
    if kind == "steal":
        stolen = middle([evidence.steal_cores for evidence in evidences]) or 0.0
        return (
            f"The hypervisor took away {stolen:.1f} of a core {where}. "
            "Run again later, or on a host of its own."
        )
    if kind == "apart" and reference and reference.apart_ns:
        apart = middle([evidence.apart_ns for evidence in evidences]) or 0.0
        if apart >= KEPT_NS:
            return f"One of its CPUs could not be had {where}. Close other programs and run again."
        return (
            f"The hypervisor had placed its CPUs {apart / reference.apart_ns:.1f} times as far apart as at "
            f"best ({apart:.0f} ns for a round trip) {where}. Run again later, or on a host of its own."
        )
    if kind == "slowed" and reference:
        loop = middle([evidence.loop_us for evidence in evidences]) or 1.0
        return (
            f"A CPU ran at {100 * reference.loop_us / loop:.0f} % of its speed {where}: it was clocked down, "
            "or another virtual machine shares its core. Run again later, or on a host of its own."
        )
    if kind == "throttled":
        return (
            f"The container's CPU quota was used up {where}. "
            "Raise the quota (cpu.max) or ask for fewer threads."
        )
    return f"The CPU was throttled for its heat {where}. Let it cool down and run again."


def middle(values: Iterable[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None
