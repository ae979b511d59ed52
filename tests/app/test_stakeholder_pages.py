"""Verdict, Accuracy, Cost and Methodology on a real store, through Streamlit's AppTest."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from src.accuracy import accuracy_files
from src.accuracy.accuracy_result import Accuracy
from src.bench.accuracy import judge
from src.bench.events import TWIN
from src.bench.record import Record
from src.cli import main
from src.references import verdict
from src.references.cost import Offer
from src.store import runs
from src.store.database import Store, open_store
from src.ui.answers import sentence
from src.words import significant, times
from tests.app.test_pages import page
from tests.rows import accuracy as accuracy_of
from tests.unit.test_results import BASELINE, made
from tests.unit.test_store import kept, with_id

TIMES = {
    BASELINE: 3.0,
    BASELINE + TWIN: 3.0,
    "onnxruntime-int8": 1.3,
    "torchscript-int8": 1.1,
    "2021-onnxruntime-fp32": 2.8,
    "pytorch-fp32": 8.0,
}
EMBEDDED = {"name": "Embedded MiniLM-L6-H384 (SST-2 adapter)", "architecture": "MiniLM-L6-H384"}
RUN = "20261101-000000-aaaa"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    st.cache_data.clear()
    st.cache_resource.clear()
    return open_store()


def in_both_scopes() -> Record:
    """A run of 16 tokens in scope model, and the same figures a tenth slower in scope pipeline."""
    record = with_id(made(TIMES), RUN, model=EMBEDDED)
    for key, loaded in list(record.loaded.items()):
        known = accuracy_of("misses" if loaded.engine == "torchscript-int8" else "holds")
        record.loaded[key] = replace(loaded, facts={**loaded.facts, "accuracy": known})
    for cell, slices in list(record.slices.items()):
        case = replace(cell.case, scope="pipeline")
        other = cell._replace(case=case)
        warmed = record.warmed[cell]
        record.add(replace(warmed, case=case))
        for one in slices:
            ns = tuple(int(1.1 * value) for value in one.ns)
            record.add(replace(one, case=case, ns=ns))
        assert other in record.slices
    return record


@pytest.fixture
def measured(store: Store) -> Store:
    kept(store, in_both_scopes())
    return store


def words(at) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


def test_without_a_run_the_pages_say_how_to_get_one(store: Store):
    for name in ("verdict", "cost"):
        at = page(name)
        assert [one.value for one in at.code] == ["python -m src bench --preset writeup"]


def test_the_verdict_is_that_of_the_run(measured: Store):
    at = page("verdict")
    row = next(
        row
        for row in runs.run(measured, RUN).results
        if (row.engine, row.scope) == ("onnxruntime-int8", "pipeline")
    )
    headline = next(one.value for one in at.markdown if one.value.startswith("### 16 tokens"))
    assert "16 tokens – Yes: " in headline
    assert f"**{row.median_ms:.2f} ms**" in headline
    assert f"×{row.median_ms / 2.6:.2f} of Infinity's stated 2.6 ms" in headline
    text = words(at)
    assert f"×{row.median_ms / 2.498:.2f} of it" in text, "the video's number stands beside it"
    assert "as they miss the accuracy gate: torchscript\\-int8" in text


def test_every_page_and_command_says_the_same(measured: Store, capsys: pytest.CaptureFixture[str]):
    run = runs.run(measured, RUN)
    spoken = verdict.answer(run, "cpu", 16)
    assert spoken
    said = sentence(spoken)
    assert said.startswith("Yes: **onnxruntime\\-int8**")
    for name, link in (("verdict", {}), ("benchmark", {"run": RUN, "r_scope": "pipeline"})):
        at = page(name, **link)
        assert any(said in one.value for one in at.markdown), name
    assert page("cost").selectbox(key="c_engine").value == spoken.best.engine
    assert main.main(["show", RUN]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"16 tokens – {sentence(spoken, str, strong='')}" in printed


def test_back_to_back_and_one_request_each_half_second_stand_beside_infinity(store: Store):
    record = in_both_scopes()
    for cell, slices in list(record.slices.items()):
        if cell.engine == "onnxruntime-int8" and cell.case.scope == "pipeline":
            for one in slices[:6]:
                ns = tuple(2 * value for value in slices[10].ns[:3])
                record.add(replace(one, ns=ns, pace_s=0.5, at_s=100 + one.at_s))
    kept(store, record)
    at = page("verdict")
    table = next(one.value for one in at.table if "Back to back" in one.value.columns)
    assert table.index.tolist() == ["16, ONNX Runtime INT8"]
    line = table.iloc[0]
    paced = next(row for row in runs.run(store, RUN).paced)
    assert f"**{significant(paced.median_ms)}**" in line["One request each half second"]
    assert f"{times(paced.median_ms / 2.6)} of Infinity" in line["One request each half second"]
    assert "of Infinity" in line["Back to back"]
    assert line["Infinity, stated"] == "2.60 ms"


def test_a_run_without_paced_cells_says_how_to_get_them(measured: Store):
    assert any("no paced cells" in one.value for one in page("verdict").info)


def test_the_table_has_every_published_cell_and_the_corrected_ones(measured: Store):
    at = page("verdict")
    labels = [one.proto.popover.label for one in at.get("popover")]
    text = json.dumps(labels) + words(at)
    assert "printed 0.74" in text
    assert "printed 0.83" in text
    assert "17.39 ms" in text
    assert "11.67 ms" in text


def test_software_and_hardware_are_split_where_2021_ran(measured: Store):
    at = page("verdict")
    frame = next(one.value for one in at.dataframe if "Hardware" in one.value.columns)
    assert frame["2021 on 2021's host"].tolist() == [2.76]
    one = frame.iloc[0]
    assert one["Hardware"] * one["Software"] == pytest.approx(one["Together"])


def test_a_link_names_the_run(measured: Store):
    kept(measured, with_id(made(TIMES, seed=5), "20261102-000000-bbbb", model=EMBEDDED))
    at = page("verdict", v_run=RUN)
    assert at.selectbox(key="v_run").value == RUN


def test_accuracy_without_a_measurement_shows_what_came_with_the_model(store: Store):
    at = page("accuracy")
    assert "stored with the model" in at.selectbox(key="a_dataset").value
    frame = at.dataframe[0].value
    assert frame["Accuracy"].max() > 0.88
    assert at.get("plotly_chart")


def test_accuracy_shows_the_flipped_sentences(store: Store):
    texts = [("a good film", 1), ("a bad film", 0), ("fine", 1)]
    base = [(-1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)]
    other = [base[0], base[1], (0.5, -0.5)]
    rows = (judge("pytorch-fp32", base, base, texts, 1), judge("onnxruntime-int8", other, base, texts, 1))
    day = "2026-11-01T00:00:00Z"
    accuracy_files.keep(Accuracy(dataset="d.tsv", n=3, model=EMBEDDED["name"], measured_at=day, engines=rows))
    at = page("accuracy")
    assert "d.tsv" in at.selectbox(key="a_dataset").value
    assert any("is not proven for 2" in one.value for one in at.markdown), "three sentences prove nothing"
    assert "fine" in at.table[0].value.index.tolist()


def test_cost_follows_from_the_inputs(measured: Store):
    at = page("cost")
    row = next(
        row
        for row in runs.run(measured, RUN).results
        if (row.engine, row.scope) == ("onnxruntime-int8", "pipeline")
    )
    assert at.selectbox(key="c_engine").value == "onnxruntime-int8", "the fastest that keeps its accuracy"

    def shown() -> float:
        return float(at.table[0].value.iloc[0, 0].replace(",", ""))

    assert shown() == pytest.approx(Offer(row.throughput_per_s, 0.17, 0, 0.5).per_million, rel=1e-3)
    at.slider(key="c_used").set_value(25).run()
    assert shown() == pytest.approx(Offer(row.throughput_per_s, 0.17, 0, 0.25).per_million, rel=1e-3)
    at.segmented_control(key="c_licence").set_value("per CPU").run()
    assert at.number_input(key="c_cpus").value == 2
    licensed = Offer(1000 / 2.6, 0.17, 40_000, 0.25)
    assert float(at.table[0].value.iloc[0, 1].replace(",", "")) == pytest.approx(
        licensed.per_million, rel=1e-3
    )
    assert not at.exception


def test_the_methodology_is_the_document(store: Store):
    at = page("methodology")
    text = words(at)
    assert "What the numbers cannot tell" in text
    assert "## Glossary" in text
    assert "](../" not in text, "no link that leads nowhere"
