"""What nobody should send a server, a little of it: `make soak` and tools/fuzz_server.py send more."""

import os

from src.serve.desk import Limits
from tests.unit.test_server import Served
from tools.fuzz_server import fuzz

REQUESTS = int(os.environ.get("AWIY_SOAK_REQUESTS", "500"))


def test_whatever_is_sent_has_a_documented_status_and_the_next_one_its_answer():
    served = Served(limits=Limits(body_s=0.5))
    served.classifier.warm.set()
    try:
        while served.get("/health/ready")[0] != 200:
            pass
        findings = fuzz(served.port, REQUESTS, seed=1, slow=1)
    finally:
        served.stop()
    assert not findings.wrong, "\n".join(findings.wrong[:5])
    assert len(findings.statuses) == 15, "every kind was sent"
