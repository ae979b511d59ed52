"""What tests of the protocol share: plans of fakes, measured in real workers, in short slices."""

from dataclasses import replace
from typing import Any

import pytest

from src.bench import protocol
from src.bench.events import Slice
from src.bench.observer import Observer
from src.bench.plan import Case, Plan
from src.bench.record import Cell, Record
from src.bench.settings import Settings
from src.engines import registry
from src.model.source import ModelSource
from src.workers.pool import Pool
from tests import fast
from tests.fast import FAST

BASELINE = "fake-sleeping"
IMPATIENT = replace(FAST, patience_share=-1.0)


@pytest.fixture
def fake_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare answers with a fake's, so that PyTorch is not loaded for every test."""
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run beside pytest itself and whatever else the host does: nothing counts as a disturbance, or as
    calls that are not steady, unless a test says so.
    """
    fast.calm(monkeypatch.setattr)


def plan(*engines: str, **changes: object) -> Plan:
    values: dict[str, object] = {
        "engines": engines,
        "sequence_lengths": (16,),
        "batch_sizes": (1,),
        "threads": (1,),
        "scopes": ("model",),
        "budget_s": 60.0,
        "percentile": 50,
        "precision": 0.5,
        "baseline": BASELINE,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def measure(pool: Pool, asked: Plan, settings: Settings = FAST, **observer: Any) -> Record:
    """Carry out a plan in short slices; `observer` has fields of an Observer."""
    return protocol.run(pool, asked, ModelSource("embedded"), Observer(**observer), settings=settings)


def cell(engine: str, scope: str = "model", batch: int = 1, length: int = 16) -> Cell:
    return Cell(0, engine, Case(batch, length, 1, scope))


def all_slices(record: Record) -> list[Slice]:
    return sorted((one for some in record.slices.values() for one in some), key=lambda one: one.at_s)
