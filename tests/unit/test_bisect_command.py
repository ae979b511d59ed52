"""The command `bisect` on a made-up runtime: what it measures, installs nothing for, and says."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from src import releases
from src.bench import timeline_plan
from src.bench.catalogue import Offer
from src.bench.plan import BadPlan, Plan
from src.bench.record import Record
from src.bench.settings import BENCHMARK
from src.cli import timeline, timeline_printing
from src.figures.steps import CONFIRMATIONS
from tests.release_fakes import ROW, FakeRuntime

VERSIONS = [f"1.{number}.0" for number in range(10, 26)]
STEP = "1.21.0"


class Command:
    """`python -m src bisect onnxruntime`, with a runtime that has a step at STEP."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
        slow = VERSIONS[VERSIONS.index(STEP) :]
        self.runtime = FakeRuntime({version: factor if version in slow else 1.0 for version in VERSIONS}, 11)
        self.plans: list[Plan] = []
        self.asked_for: list[str] = []
        self.console = Console(width=200, record=True, force_terminal=False)
        monkeypatch.setattr(timeline, "offers_of", lambda _: [Offer(version, ()) for version in VERSIONS])
        monkeypatch.setattr(timeline, "make_environments", self.make)
        monkeypatch.setattr(timeline, "carry_out", self.carry_out)
        monkeypatch.setattr(timeline, "say", lambda text: self.console.print(text))
        monkeypatch.setattr(timeline, "say_spent", lambda _: None)
        monkeypatch.setattr(timeline.plan, "accept", lambda asked: (asked, []))
        monkeypatch.setattr(timeline.costs, "accept", lambda *_: 1.0)
        monkeypatch.setattr(timeline_printing, "out", self.console)

    def make(self, _: argparse.Namespace, versions: Sequence[str]) -> list[str]:
        self.asked_for += versions
        return list(versions)

    def carry_out(self, _: object, plan: Plan, *__: object) -> Record:
        self.plans.append(plan)
        versions = [id.partition(releases.SEPARATOR)[2] for id in plan.engines]
        versions = sorted(set(versions), key=VERSIONS.index)
        return self.runtime.record(versions, confirms=plan.confirms)

    def run(self, engines: str = ROW) -> tuple[int, str]:
        arguments = argparse.Namespace(
            runtime="onnxruntime",
            engines=engines,
            seq_len="16",
            threads=2,
            model="embedded",
            budget=None,
            settings=BENCHMARK,
        )
        code = timeline.run_bisect(arguments)
        return code, self.console.export_text()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))


def test_it_names_the_release_after_measuring_few(monkeypatch: pytest.MonkeyPatch):
    command = Command(monkeypatch, factor=1.8)
    code, said = command.run()
    assert code == 0
    last = said.splitlines()[-1]
    assert re.search(r"1\.21\.0 takes 1\.[78]\d times as long as 1\.20\.0: .*, confirmed\.$", last), last
    assert said.startswith("16 releases: at most 6 are measured"), "what it takes is told before"
    assert len(set(command.asked_for)) == 6
    presets = [plan.preset for plan in command.plans]
    assert presets == [timeline_plan.BISECT] * 5 + [timeline_plan.REPEAT] * CONFIRMATIONS


def test_without_a_step_it_says_so_after_the_ends(monkeypatch: pytest.MonkeyPatch):
    command = Command(monkeypatch, factor=1.0)
    code, said = command.run()
    assert code == 0
    assert set(command.asked_for) == {VERSIONS[0], VERSIONS[-1]}
    assert "No step" in said


def test_one_engine_is_bisected(monkeypatch: pytest.MonkeyPatch):
    command = Command(monkeypatch, factor=1.8)
    with pytest.raises(BadPlan, match="One engine is bisected"):
        command.run(engines=f"{ROW},onnxruntime-fp32")
