"""Tables for a terminal of 80 columns: nothing is cut, ids can be copied."""

import io
import re

import pytest
from rich.console import Console

from src.accuracy.accuracy_result import Accuracy, EngineAccuracy
from src.accuracy.gate import NOT_PROVEN, Gate
from src.cli import accuracy, run_printing, terminal
from src.engines import registry
from src.figures import results
from tests.command_line import run, run_json
from tests.unit.test_results import made
from tests.unit.test_store import TIMES

LONGEST = max((spec.id for spec in registry.ENGINES), key=len)
REASON = "It needs a CPU with avx512_bf16 or amx_bf16, and this one has neither of the two. Use another host."


def shown(*tables: object, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(*tables, sep="\n")
    return out.getvalue()


def words(text: str) -> str:
    """Return what a table says without its frame, line after line of each cell being one text."""
    rows = [re.split("[│┃]", line)[1:-1] for line in text.splitlines() if re.match("[│┃]", line)]
    return "".join("".join(column).replace(" ", "") for column in zip(*rows, strict=True))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_ids_stay_whole_and_all_else_is_folded(width: int):
    table = terminal.table("A", "Engine", "ms", "Why", right=("ms",), whole="Engine")
    table.add_row("onnxruntime-int8-static-and-long", "12,345.678 (12,340.123–12,350.999)", REASON)
    text = shown(table, width=width)
    assert "onnxruntime-int8-static-and-long" in text
    assert "…" not in text
    assert REASON.replace(" ", "") in words(text)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("command", ["engines", "references", "envs list"])
def test_lists_are_whole_at_80_columns(command: str):
    text = run(*command.split(), COLUMNS="80").stdout
    rows = run_json(*command.split())
    assert "…" not in text
    for row in rows:
        id = row.get("id") or row.get("name")
        assert id in text or id in words(text)
        assert (row.get("reason") or "").replace(" ", "") in words(text)


def test_accuracies_are_whole_at_80_columns():
    gate = Gate(NOT_PROVEN, 0.0071, 0.0016, 0.0126, 9460)
    engine = EngineAccuracy(
        LONGEST, 0.913, (0.9037, 0.9215), flips=1137, max_abs_delta_logit=5.1, mcnemar_p=0.041, gate=gate
    )
    result = Accuracy(dataset="d", n=3850, model="m", measured_at="t", engines=(engine,))
    text = shown(accuracy.table_of(result))
    for figure in (LONGEST, "0.9130", "0.9037–0.9215", "1137", "5.1", "0.041", "0.71%", "0.16% to 1.26%"):
        assert figure in text, figure
    assert "9,460moresentenceswouldtell" in words(text)


def test_a_run_is_whole_at_80_columns():
    run = results.summarise(made({**TIMES, "onnxruntime-int8-static": 1.3}))
    text = shown(*run_printing.tables(run, 80))
    assert "…" not in text
    for row in run.results:
        assert row.engine in text
        assert registry.get(row.engine)
