"""Configurations whose truth is known, and a host that measures them in no time; a search conducted on it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from src.bench.events import Ended, Slice
from src.bench.plan import Plan
from src.bench.record import Record
from src.search import search as searching
from src.search import state
from src.search.asked import Asked
from src.search.screen import FAILED, PASSES, Screened
from src.search.search import Conductor
from src.search.state import Search
from src.store import transfer
from src.store.database import Store, opened
from tests.unit.test_results import made
from tests.unit.test_store import with_id

ROW, SLOW = "onnxruntime-int8", "onnxruntime-fp32"
TRUTH_MS = {ROW: 1.5, SLOW: 3.0, "pytorch-fp32": 6.0, "torchscript-fp32": 9.0}
EFFECTS = {"spin=off": 0.9, "block=4": 0.8}  # of options; those of no line here slow down by a quarter
RELEASES = {"1.24.4": 0.7, "1.22.1": 0.95, "1.30.0": 1.1}
BEST = f"{ROW}~spin=off~block=4"
ROUNDS = 60


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    return opened(URL.create("sqlite", database=str(tmp_path / "runs.db")))


@pytest.fixture
def host(store: Store, monkeypatch: pytest.MonkeyPatch) -> "Host":
    host = Host(store, itertools.count(1))
    monkeypatch.setattr(searching, "screen", lambda *arguments: host.screen(*arguments))
    return host


def truth_ms(id: str) -> float:
    row, *chosen = id.split("~")
    row, _, release = row.partition("@")
    ms = TRUTH_MS[row] * RELEASES.get(release, 1.0)
    for word in chosen:
        ms *= EFFECTS.get(word, 1.25)
    return ms


class Killed(BaseException):
    """What SIGKILL does: nothing after it is done."""


class Host:
    """Measures plans in no time. `dies` tells at which run it is killed, after how many rounds; `few` which
    run had time for so many rounds only. With one of the options `slow_calls` one call of 33 takes twice as
    long. A `quiet` host does not drift.
    """

    def __init__(self, store: Store, numbers: itertools.count, dies: dict[int, int] | None = None) -> None:
        self.store = store
        self.numbers = numbers
        self.dies = dies or {}
        self.few: dict[int, int] = {}
        self.stops: set[int] = set()
        self.plans: list[Plan] = []
        self.screened: list[list[str]] = []
        self.told: list[str] = []
        self.screens_before_it_dies = 10_000
        self.fails: set[str] = set()
        self.renewing = False
        self.slow_calls: tuple[str, ...] = ()
        self.quiet = False

    def carry_out(self, plan: Plan, begun: Callable[[str], None]) -> Record:
        self.plans.append(plan)
        number = next(self.numbers)
        run = record_of(plan, f"20261127-{number:06d}-abcd", number)
        for cell, slices in run.slices.items():
            if self.quiet:
                slices[:] = [replace(slice, ns=without_drift(slice)) for slice in slices]
            if set(self.slow_calls).intersection(cell.engine.split("~")):
                slices[:] = [replace(slice, ns=with_slow_calls(slice.ns)) for slice in slices]
        if len(self.plans) in self.dies:
            cut(run, self.dies[len(self.plans)], self.renewing)
        for slices in run.slices.values():
            del slices[self.few.get(len(self.plans), len(slices)) :]
        if len(self.plans) in self.stops:
            run.ended = Ended("interrupted", 9.0, 8.0, 7.0, 6.0, 0.1, 0.0, 0.0)
        transfer.keep(self.store, run)
        assert run.begun
        begun(run.begun.id)
        if len(self.plans) in self.dies:
            raise Killed
        return run

    def screen(self, pool: object, asked: Asked, ids: Sequence[str], _: object, keep: Callable) -> None:
        self.screened.append(list(ids))
        for id in ids:
            if not self.screens_before_it_dies:
                raise Killed
            self.screens_before_it_dies -= 1
            keep(Screened(id, FAILED if id in self.fails else PASSES))


def record_of(plan: Plan, id: str, seed: int) -> Record:
    """Return the record of a plan: of a race whoever is a tenth slower than the fastest has six rounds."""
    times = {engine: truth_ms(engine) for engine in (*plan.engines, plan.baseline)}
    calls = 48 if plan.tails else 10
    run = with_id(made(times, rounds=ROUNDS, seed=seed, calls=calls), id, plan=asdict(plan))
    fastest = min(times.values())
    for cell, slices in run.slices.items():
        if plan.racing and times[cell.engine] > 1.1 * fastest and cell.engine != plan.baseline:
            del slices[6:]
    for from_round in range(21, 20 * plan.blocks, 20):
        for engine in times:
            first = run.loaded[0, engine, 2]
            run.add(replace(first, from_round=from_round))
    return run


def without_drift(slice: Slice) -> tuple[int, ...]:
    drift = 1 + (slice.round * 7 % ROUNDS + 1) / ROUNDS  # of made()
    return tuple(round(one / drift) for one in slice.ns)


def with_slow_calls(ns: Sequence[int]) -> tuple[int, ...]:
    return tuple(2 * one if number % 33 == 7 else one for number, one in enumerate(ns))


def cut(run: Record, rounds: int, renewing: bool) -> None:
    """Leave of a run what was written until after its first rounds, when its writer was killed; while it
    was `renewing` engines for the next block, the first of them had a new process.
    """
    for slices in run.slices.values():
        del slices[rounds:]
    following = [loaded for loaded in run.renewed if loaded.from_round == rounds + 1]
    run.renewed = [loaded for loaded in run.renewed if loaded.from_round <= rounds]
    run.renewed += following[:1] if renewing else []
    run.ended = None


def begin(**asked: object) -> Search:
    values = {"lengths": (16,), "budget_s": 1200.0, "threads": 2, "engines": (ROW, SLOW), **asked}
    return state.begin(Asked(**values))  # type: ignore[arg-type]


class Silent:
    def __enter__(self) -> Callable:
        return lambda step: None

    def __exit__(self, *_: object) -> None:
        pass


def conduct(host: Host, search: Search) -> tuple[Conductor, list]:
    conductor = Conductor(host.store, search, host.carry_out, Silent, host.told.append)
    return conductor, conductor.run()
