"""The command line (`bench …`) or a job's process (`JOB CLAIMED_BY`), for fakes: python -m tests.fast …

Answers are compared with a fake's, so that PyTorch is not loaded each time, slices are short, and nothing
counts as a disturbance, as tests run beside pytest.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

from src.bench.settings import BENCHMARK
from src.engines import registry
from src.host import evidence
from src.workers import ramp

FAST = replace(
    BENCHMARK, slice_s=0.01, warm_up_window=3, visit_s=0.02, shortest_visit=6, shortest_visit_s=0.01
)


def quiet(patch: Callable[[object, str, object], None] = setattr) -> None:
    """From now on nothing counts as a disturbance in this process."""
    patch(evidence, "disturbances", lambda seen, *_: ())
    patch(evidence, "slowdowns", lambda speed, reference: ())


def calm(patch: Callable[[object, str, object], None] = setattr) -> None:
    """Nor as calls that are not steady."""
    quiet(patch)
    patch(ramp, "unsteady", lambda *_: False)


if __name__ == "__main__":
    registry.ACCURACY_BASELINE = "fake-plausible"
    quiet()
    if sys.argv[1] == "bench":
        from src.cli.main import main

        sys.exit(main(settings=FAST))
    from src.jobs import measure

    sys.exit(measure.main(FAST))
