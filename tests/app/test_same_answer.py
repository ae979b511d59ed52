"""Whatever was measured, home, Benchmark, Verdict, Cost and the command line say the same of it."""

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from src.bench.events import SCHEMA_VERSION, Begun
from src.cli import main
from src.engines import registry
from src.figures.run import Result, Run
from src.host.machine import default_threads
from src.store import writing
from src.store.database import open_store
from tests import rows as build
from tests.app.test_pages import page
from tests.conftest import ROOT
from tests.unit.test_answer import ENGINES, results

MODELS = (
    build.MODEL,
    {"name": "/somewhere/bert", "architecture": "BERT-base", "fingerprint": "ba9876543210"},
)
NUMBERS = itertools.count(1)  # of runs
FEW = settings(
    max_examples=int(os.environ.get("AWIY_SOAK_RUNS", "8")),
    deadline=None,
    phases=(
        Phase.generate,
    ),  # each example draws four pages: making a failing one smaller would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWIY_ENGINES", ",".join(ENGINES))
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def run_of(rows: list[Result], model: dict, floor: float, number: int) -> Run:
    """Return a run as a page may show it."""
    run = build.run(*rows, model=model, floor=floor)
    plan = {"pace_s": 0.0, "baseline": "onnxruntime-fp32", "preset": "writeup"}
    host = {"name": "h", "system": "Linux", "allowed_cpus": 2, **build.HOST}
    head = replace(
        run.head, id=f"20261101-{number:06d}-aaaa", plan=plan, host=host, rounds=20, stopped="budget"
    )
    return replace(run, head=head)


def keep(run: Run) -> None:
    names = (name for name in Begun.__dataclass_fields__ if name != "schema_version")
    begun = Begun(SCHEMA_VERSION, **{name: getattr(run.head, name) for name in names})
    with open_store().write() as connection:
        writing.write_head(connection, begun, "measured", None)
        writing.write_results(connection, run, 1000)


def as_a_run_has_it(row: Result) -> Result:
    """Return a result with the title, the throughput and the reasons that a run would have."""
    facts = {**row.facts, "title": registry.get(row.engine).title}
    reasons = () if row.verdict == "valid" else ("Another process used 0.9 of a core.",)
    ms = row.median_ms
    return replace(row, facts=facts, mean_ms=ms, throughput_per_s=1000 / ms, reasons=reasons)


def heads(at: AppTest) -> list[str]:
    """Return the headlines of a page that answer."""
    return [element.value for element in at.markdown if element.value.startswith("### ")]


def said(text: str) -> str:
    """Return what a headline says, without what differs by place: markup, the length before it."""
    plain = re.sub(r"[*\\]", "", text.removeprefix("### "))
    return " ".join(re.sub(r"^16 tokens(, GPU)? – ", "", plain).split())


def of_home(rows: list[Result], model: dict) -> list[str]:
    """Return the headlines of the home page where a sentence took what the rows took."""
    answer = build.sentence(*rows, model=model)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    ids = [row.engine for row in rows]
    at.session_state["sentence"] = answer.text
    at.session_state["engines"] = ids
    at.session_state["kept"] = ((answer.text, tuple(ids), default_threads()), answer)
    at.run()
    assert not at.exception, at.exception
    return [said(text) for text in heads(at)]


@given(results(), some.sampled_from((0.01, 0.05)), some.sampled_from(MODELS))
@FEW
def test_every_page_and_the_command_line_say_the_same(
    home: None, capsys: pytest.CaptureFixture[str], rows: list[Result], floor: float, model: dict
):
    rows = [as_a_run_has_it(row) for row in rows]
    run = run_of(rows, model, floor, next(NUMBERS))
    keep(run)
    id = run.head.id
    of_benchmark = [said(text) for text in heads(page("benchmark", run=id, r_scope="pipeline"))]
    told = [text for text in heads(page("verdict", v_run=id)) if "16 tokens" in text]
    of_verdict = [said(text) for text in told if "16 tokens, GPU" not in text]
    of_gpu = [said(text) for text in told if "16 tokens, GPU" in text]
    assert main.main(["show", id]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    on_gpu = [row for row in rows if row.device == "cuda" and row.verdict != "invalid"]
    assert len(of_gpu) == bool(on_gpu)
    for spoken in of_gpu:
        assert spoken in of_benchmark
        assert f"16 tokens, GPU – {spoken}" in printed
    on_cpu = [row for row in rows if row.device == "cpu" and row.verdict != "invalid"]
    if not on_cpu:
        assert of_verdict == []
        assert "16 tokens – " not in printed.partition("Ratio:")[2].partition("scope pipeline")[2]
        return
    (spoken,) = of_verdict
    assert spoken in of_benchmark
    assert f"16 tokens – {spoken}" in printed
    if " answers in " in spoken:
        chosen = page("cost", c_run=id).selectbox(key="c_engine").value
        assert f"{registry.get(chosen).title} answers in " in spoken
    if all(row.verdict == "valid" and row.device == "cpu" for row in rows) and floor == 0.01:
        assert spoken in of_home(rows, model)
