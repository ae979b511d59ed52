"""Measuring the roofline of this host, for a model's weights: `doctor --roofline`, and the page."""

import sys
from collections.abc import Callable

from src.doctor.doctor import Finding
from src.errors import Explained
from src.figures.limit import BYTES, SHAPES
from src.home import ROOT, utc_now
from src.host import machine, roofline
from src.host.lock import host_lock
from src.host.roofline import Roofline
from src.model import fingerprint
from src.progress import Progress, telling_who_waits
from src.words import significant
from src.workers import json_child
from src.workers.pool import clean_environment

CHECK = "Roofline"
USUAL_S, MOST_S = 30.0, 120.0
COMMAND = (sys.executable, "-m", "src.doctor.kernels")


class NoRoofline(Explained):
    """It could not be measured. The message says why."""


def sizes() -> list[int]:
    """Return the bytes of the weights that engines read, in each precision."""
    return sorted({shape.weights * size for shape in SHAPES.values() for size in BYTES.values()})


def measure(threads: int, progress: Callable[[Progress], None]) -> Roofline:
    """Measure the roofline of so many threads, keep and return it. Takes the host's lock for some ten
    seconds. Raises NoRoofline, LockError.
    """
    evidence = machine.evidence()
    key = fingerprint.of_cpu(evidence)
    if not key:
        raise NoRoofline("This system does not tell what its CPU can do, so that nothing can be kept by it.")
    cpus = machine.allowed_cpus()[:threads]
    given = (str(threads), ",".join(map(str, sizes())), ",".join(map(str, cpus)))
    with host_lock("the roofline", telling_who_waits(progress)):
        progress(Progress("roofline", "Multiplying matrices and copying memory"))
        try:
            told = json_child.ask([*COMMAND, *given], ROOT, clean_environment(threads), MOST_S)
        except json_child.NothingTold as error:
            raise NoRoofline(f"Measuring its kernels {error}") from error
    measured = Roofline(
        cpu_key=key,
        cpu=str(evidence.get("cpu", "")),
        threads=threads,
        fp32=max(told["peaks"]["fp32"].values()),
        int8=max(told["peaks"]["int8"].values()),
        bandwidth={int(size): rate for size, rate in told["bandwidth"].items()},
        libraries=told["libraries"],
        measured_at=utc_now(),
    )
    roofline.keep(measured)
    return measured


def check(threads: int, progress: Callable[[Progress], None]) -> list[Finding]:
    """Measure and return what was found, for `doctor`."""
    try:
        measured = measure(threads, progress)
    except NoRoofline as error:
        return [Finding(CHECK, "failed", str(error), "Check again: python -m src doctor --roofline")]
    moved = ", ".join(
        f"{significant(rate)} GB/s for {significant(size / 1e6)} MB"
        for size, rate in measured.bandwidth.items()
    )
    return [
        Finding(
            CHECK,
            "ok",
            f"{threads} threads: at most {significant(measured.fp32)} GFLOP/s in FP32, "
            f"{significant(measured.int8)} GOP/s in INT8; memory {moved}.",
        )
    ]
