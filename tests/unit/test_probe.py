"""The probe of the CPUs: it measures, notices, and leaves nothing behind."""

import os
import signal

import psutil
import pytest

from src.host import machine
from src.host.evidence import slowdowns
from src.host.probe import KEPT_NS, Probe, Speed
from tests.unit.test_pool import state

pytestmark = pytest.mark.measuring

REFERENCE = Speed(200.0, 80.0)


@pytest.fixture
def probe():
    made = Probe(machine.allowed_cpus()[:2])
    if not made.partner:
        pytest.skip("this host has one CPU, or cannot pin processes")
    yield made
    made.close()


def test_it_tells_distance_and_speed_and_leaves_affinity_as_it_was(probe: Probe):
    before = os.sched_getaffinity(0)
    found = probe.measure()
    assert os.sched_getaffinity(0) == before
    assert found.apart_ns
    assert 10 < found.apart_ns <= KEPT_NS
    assert found.loop_us > 1


def test_its_partner_is_stopped_but_while_it_is_asked(probe: Probe):
    assert probe.partner
    assert state(probe.partner.pid) == "T"
    for _ in range(3):
        probe.measure()
        assert state(probe.partner.pid) == "T"


def test_it_ends_its_partner(probe: Probe):
    assert probe.partner
    pid = probe.partner.pid
    probe.close()
    assert not psutil.pid_exists(pid)
    probe.close()


def test_a_partner_that_is_gone_does_not_hang_it(probe: Probe):
    assert probe.partner
    probe.partner.send_signal(signal.SIGKILL)
    probe.partner.wait()
    assert probe.measure().apart_ns is None


def test_one_cpu_has_no_distance():
    alone = Probe(machine.allowed_cpus()[:1])
    assert alone.partner is None
    assert alone.measure().apart_ns is None
    alone.close()


@pytest.mark.parametrize(
    ("speed", "kinds"),
    [
        (Speed(205.0, 84.0), ()),
        (Speed(600.0, 82.0), ("apart",)),
        (Speed(310.0, 122.0), ("slowed",)),  # the slow CPU explains the longer round trip
        (Speed(900.0, 122.0), ("apart", "slowed")),
        (Speed(None, 82.0), ()),
        (Speed(None, 130.0), ("slowed",)),
        (Speed(KEPT_NS, 82.0), ("apart",)),
    ],
)
def test_what_counts_as_slow(speed: Speed, kinds: tuple[str, ...]):
    assert slowdowns(speed, REFERENCE) == kinds
    assert slowdowns(speed, None) == ()
