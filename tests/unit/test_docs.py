"""Documents that name code stay true to it."""

import ast
import re

import pytest

from src import stats
from src.bench import lead_ins
from src.bench.plan import PRESETS
from src.bench.settings import BENCHMARK
from src.host import evidence
from src.workers import ramp
from tests.conftest import ROOT

METHODOLOGY = (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8")
TRAPS = re.findall(r"^\| (\d+)\. (.*?) \| (.*?) \| (.*?) \|$", METHODOLOGY, flags=re.MULTILINE)


def test_every_trap_has_its_row():
    assert [int(number) for number, *_ in TRAPS] == list(range(1, 54))
    assert all(guard.strip() for _, _, guard, _ in TRAPS)


@pytest.mark.parametrize(("number", "held_by"), [(row[0], row[3]) for row in TRAPS])
def test_the_tests_that_hold_a_trap_exist(number: str, held_by: str):
    if "does not apply" in held_by:
        return
    named = re.findall(r"(test_\w+)(?:: ([\w, ]+))?", held_by)
    assert named, f"trap {number} names no test"
    for file, parts in named:
        tree = ast.parse((ROOT / "tests" / "unit" / f"{file}.py").read_text(encoding="utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for part in filter(None, (one.strip() for one in parts.split(","))):
            assert any(part in name for name in tests if name.startswith("test_")), f"{file}: {part}"


@pytest.mark.parametrize(
    "words",
    [
        f"windows of {BENCHMARK.warm_up_window} calls",
        f"at most {BENCHMARK.warm_up_cap_s:.0f} s",
        f"within {100 * ramp.TOLERANCE:.0f} % of its plateau",
        f"{ramp.VISITS} visits of up to {1000 * BENCHMARK.visit_s:.0f} ms",
        f"at most {ramp.CAP_CALLS} calls or {1000 * ramp.CAP_S:.0f} ms, whichever is more",
        f"After rounds {lead_ins.CHECKS[0]} and {lead_ins.CHECKS[1]} and at each look",
        f"about {1000 * BENCHMARK.slice_s:.0f} ms",
        f"{stats.FEWEST_SAMPLES[90]}, {stats.FEWEST_SAMPLES[95]}, {stats.FEWEST_SAMPLES[99]}",
        f"more than {100 * evidence.WAITED_LIMIT_CORES:.0f} % of the slice",
        f"more than {evidence.OTHERS_LIMIT_CORES} of a core",
        f"more than {100 * evidence.STEAL_LIMIT_CORES:.0f} % per thread",
        f"{evidence.APART_LIMIT} and {evidence.LOOP_LIMIT} times",
        "at most half of its budget" if BENCHMARK.patience_share == 0.5 else "?",
        f"least rounds for an interval | {stats.FEWEST_ROUNDS}",
    ],
)
def test_the_methodology_states_the_thresholds_in_use(words: str):
    assert words in METHODOLOGY


def test_the_readme_names_every_command_and_preset():
    from src.cli.main import parser

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = next(iter(parser()._subparsers._group_actions)).choices  # type: ignore[union-attr]
    for name in commands:
        assert f"python -m src {name}" in readme, name
    for name in PRESETS:
        assert name in readme
