"""The command line (`bench …`) or a job's process (`JOB CLAIMED_BY`), for fakes: python -m tests.fast …

Answers are compared with a fake's, so that PyTorch is not loaded each time, slices are short, and nothing
counts as a disturbance, as tests run beside pytest.
"""

import sys

from src import cli
from src.bench import evidence, lead_ins, protocol, ramp, slicing
from src.engines import registry
from src.jobs import measure

registry.ACCURACY_BASELINE = "fake-plausible"
slicing.SLICE_S, protocol.WARM_UP_WINDOW, ramp.VISIT_S, lead_ins.SHORTEST_VISIT_S = 0.01, 3, 0.02, 0.01
ramp.SHORTEST_VISIT = 6
evidence.disturbances = lambda seen, *_: ()
evidence.slowdowns = lambda speed, reference: ()

if __name__ == "__main__":
    sys.exit(cli.main() if sys.argv[1] == "bench" else measure.main())
