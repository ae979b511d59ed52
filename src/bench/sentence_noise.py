"""What else used the CPUs while a sentence was measured. It is judged as a whole, as its slices are short."""

from contextlib import suppress
from typing import NamedTuple

import psutil

from src.bench.sentence_result import SentenceNoise
from src.host import machine
from src.workers.pool import Pool

SHORTEST_JUDGED_S = 0.2  # the kernel counts CPU time in ticks of 10 ms
# Used by others or stolen; beyond it there is no verdict. A browser that shows the page takes up to 0.26.
NOISE_LIMIT_CORES = 0.3


class CpuUse(NamedTuple):
    """CPU seconds since boot: of all processes, stolen by the hypervisor, of the measurer and its workers, of
    the app that asked (None where none did).
    """

    total: float
    steal: float
    own: float
    app: float | None = None


def cpu_used(pool: Pool, threads: int) -> CpuUse:
    """Return CPU seconds since boot: of all processes, stolen, and of this measurer with its workers."""
    total, steal = machine.cpu_seconds(machine.allowed_cpus()[:threads])
    own = sum(psutil.Process().cpu_times()[:4])  # with its children that ended: workers that failed
    for worker in pool.workers.values():
        with suppress(psutil.Error):  # just killed, and told when it is asked next
            own += sum(psutil.Process(worker.process.pid).cpu_times()[:2])
    return CpuUse(total, steal, own, machine.app_cpu_s())


def judge_noise(before: CpuUse, after: CpuUse, seconds: float) -> SentenceNoise:
    """Return how many cores others used and the hypervisor stole during `seconds`, and whether that is too
    many.
    """
    own = after.own - before.own
    others = max(0.0, after.total - before.total - own) / seconds
    steal = max(0.0, after.steal - before.steal) / seconds
    app = None if before.app is None or after.app is None else (after.app - before.app) / seconds
    reasons = []
    if seconds < SHORTEST_JUDGED_S:
        return SentenceNoise(others, steal, False, "", app)
    if others > NOISE_LIMIT_CORES and app is not None and app > others / 2:
        reasons.append(
            f"This app itself, which draws its pages, used {app:.1f} cores while this was measured. Close "
            "its other pages and measure again."
        )
    elif others > NOISE_LIMIT_CORES:
        reasons.append(
            f"Other processes used {others:.1f} cores while this was measured. Close them and measure again."
        )
    if steal > NOISE_LIMIT_CORES:
        reasons.append(
            f"The hypervisor took away {steal:.1f} cores while this was measured. Measure again later."
        )
    return SentenceNoise(others, steal, bool(reasons), " ".join(reasons), app)
