"""Two checkpoints in folders of one name, one trained again, an artifact for another instruction set, another
release of a runtime: Compare, History, gates and the verdict keep each apart.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.accuracy.gate import HOLDS
from src.accuracy.known_accuracy import MEASURED, Known
from src.bench.record import Record
from src.figures import compare, results
from src.figures.compare import Difference
from src.figures.run import Result, Run
from src.model import fingerprint
from src.references import verdict
from src.store import runs, trends
from src.store.database import Store, open_store
from src.ui import curves
from src.ui.answers import sentence
from tests.unit.test_results import CASE, made
from tests.unit.test_store import TIMES, kept, with_id

ENGINE = "onnxruntime-int8"
ISA = {"isa": ["avx2"], "caches": ["L2 Unified 1024K"]}
FACTS = {"onnxruntime": "1.32.0", "built": {"files": {"model.onnx": {"sha256": "a"}}}}


def run_of(
    id: str,
    weights: str = "w1",
    artifact: str = "int8-1",
    host: dict[str, Any] = ISA,
    **facts: Any,
) -> Record:
    """Return the record of a run of these weights, this artifact, on this host, with these facts told."""
    record = with_id(made(TIMES), id)
    assert record.begun
    model = {**record.begun.model, "name": "best", "fingerprint": weights}
    record.begun = replace(record.begun, model=model, host={**record.begun.host, **host})
    for key, loaded in list(record.loaded.items()):
        told = {**loaded.facts, **FACTS, **facts}
        record.loaded[key] = replace(loaded, artifact=artifact, facts=told)
    return record


FIRST = "20261101-000000-aaaa"
SECOND = "20261102-000000-aaaa"
OTHERS = {
    "other weights": {"weights": "w2"},
    "another instruction set": {"artifact": "int8-2"},
    "another runtime": {"onnxruntime": "1.24.4"},
}


def summary(record: Record) -> Run:
    return results.summarise(record)


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
def test_compare_names_what_differs(change: dict[str, Any]):
    base = summary(run_of(FIRST))
    assert list(compare.differences(base, summary(run_of(SECOND)))) == []
    (difference, *_) = compare.differences(base, summary(run_of(SECOND, **change)))
    assert {"w1", "int8-1", "onnxruntime 1.32.0"} & {difference.base}
    assert {"w2", "int8-2", "onnxruntime 1.24.4"} & {difference.new}


def test_compare_names_an_engine_that_was_loaded_otherwise():
    """CTranslate2 was slower by far where it was loaded in the thread that calls it."""
    runs = [summary(run_of(FIRST)), summary(run_of(SECOND, loaded_in="a thread that has ended"))]
    (difference, *_) = compare.differences(*runs)
    assert difference.what.endswith("loaded in")
    assert (difference.base, difference.new) == (fingerprint.NOT_RECORDED, "a thread that has ended")


def test_what_was_not_recorded_is_not_said_to_be_the_same():
    old = summary(with_id(made(TIMES), FIRST))
    differences = list(compare.differences(old, summary(with_id(made(TIMES), SECOND))))
    assert Difference("model fingerprint", "not recorded", "not recorded") in differences


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    return open_store()


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
def test_history_draws_them_as_series_of_their_own(store: Store, change: dict[str, Any]):
    kept(store, run_of(FIRST))
    kept(store, run_of(SECOND, **change))
    points = trends.trend(store, ENGINE, CASE)
    figure = curves.trend(points)
    assert len(figure.data) == 2
    assert len({trace.name for trace in figure.data}) == 2, "and their names say why"
    kept(store, run_of("20261103-000000-aaaa"))
    assert len(curves.trend(trends.trend(store, ENGINE, CASE)).data) == 2


@pytest.mark.parametrize(
    "change", [*OTHERS.values(), {"host": {**ISA, "isa": ["avx2", "avx512f"]}}], ids=[*OTHERS, "another CPU"]
)
def test_an_accuracy_of_the_one_is_none_of_the_other(change: dict[str, Any]):
    measured = row(summary(run_of(FIRST))).fingerprint
    assert measured.complete

    def knows(mark: fingerprint.Fingerprint) -> Known | None:
        return Known(HOLDS, MEASURED, n=3000) if mark.same(measured) else None

    def said(record: Record) -> str:
        run = summary(record)
        served = replace(row(run), scope="pipeline")
        answer = verdict.answer(replace(run, results=(served,)), "cpu", 16, knows)
        assert answer
        return sentence(answer)

    assert said(run_of(SECOND)).startswith("Yes: ")
    assert said(run_of(SECOND, **change)).startswith("Yes in latency; accuracy not known")


def row(run: Run) -> Result:
    return next(result for result in run.results if result.engine == ENGINE)


def test_what_a_file_says_speaks_for_its_own_host(store: Store):
    """An imported run of the write-up's plan is no default of Verdict and Cost beside one of this host."""
    kept(store, run_of(FIRST))
    kept(store, run_of(SECOND))
    with store.write() as connection:
        mark = "UPDATE runs SET source = 'imported', preset = 'writeup' WHERE id = ?"
        connection.exec_driver_sql(mark, (SECOND,))
    assert runs.preferred(runs.listed(store)).id == FIRST
    assert runs.latest_loaded(store)[ENGINE][0] == FIRST


def test_a_run_that_pauses_tells_no_throughput():
    """Its calls' time is not what a machine can answer in a second."""
    record = run_of(FIRST)
    assert row(summary(record)).throughput_per_s
    assert record.begun
    record.begun = replace(record.begun, plan={**record.begun.plan, "pace_s": 0.5})
    assert row(summary(record)).throughput_per_s is None
