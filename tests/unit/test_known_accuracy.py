"""Which accuracy counts for which engine: that of the same weights, artifact, runtime and CPU, or a stored
one that was confirmed here.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from src.accuracy import accuracy_files, known_accuracy
from src.accuracy.accuracy_result import Accuracy
from src.accuracy.datasets import SENTENCES, BadDataset, pool, read_csv
from src.accuracy.gate import HOLDS, MISSES, NOT_PROVEN
from src.bench.accuracy import judge
from src.model import embedded, fingerprint
from src.model.fingerprint import Fingerprint
from src.model.source import ModelSource

MARK = Fingerprint("openvino-int8", "weights", "int8-0123", "files", "openvino 2026.4.0", "cpu")
YES, NO = (-1.0, 1.0), (1.0, -1.0)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))


def keep(
    mark: Fingerprint,
    right: int = 1000,
    of: int = 1000,
    dataset: str = "d",
    at: str = "2026-11-01",
    **more: Any,
) -> None:
    """Keep an accuracy in which the baseline is right of all sentences and the engine of so many."""
    rows = [("x", 1)] * of
    baseline = [YES] * of if more.pop("baseline", True) else None
    judged = judge(mark.engine, [YES] * right + [NO] * (of - right), baseline, rows, 1)
    row = replace(judged, fingerprint=mark, measured_at=at)
    result = Accuracy(
        dataset=dataset,
        n=of,
        model="M",
        measured_at=at,
        engines=(row,),
        dataset_sha256=dataset,
        model_fingerprint=mark.model,
        cpu_key=mark.cpu,
    )
    accuracy_files.keep(replace(result, **more))


def test_an_accuracy_counts_for_the_very_engine():
    keep(MARK)
    known = known_accuracy.of(MARK)
    assert known
    assert (known.state, known.n, known.origin) == (HOLDS, 1000, known_accuracy.MEASURED)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "retrained"},
        {"artifact": "int8-of-another-instruction-set"},
        {"runtime": "openvino 2025.1.0"},
        {"cpu": "another"},
        {"engine": "openvino-fp32"},
    ],
)
def test_nothing_else_is_known_by_it(other: dict[str, str]):
    keep(MARK)
    assert known_accuracy.of(replace(MARK, **other)) is None


@pytest.mark.parametrize("name", ["model", "artifact", "runtime", "cpu", "artifact_sha256"])
def test_what_was_not_recorded_is_not_the_same(name: str):
    keep(replace(MARK, **{name: ""}))
    assert known_accuracy.of(replace(MARK, **{name: ""})) is None


def test_what_is_not_known_never_replaces_what_is():
    keep(MARK, right=900)
    keep(MARK, baseline=False, dataset="e", at="2026-11-02")
    known = known_accuracy.of(MARK)
    assert known
    assert known.state == MISSES
    assert known_accuracy.best(None, known) == known
    assert known_accuracy.best(asdict(known), None) == known


def test_the_most_sentences_tell():
    keep(MARK, right=900, of=900)
    keep(MARK, right=100, of=100, dataset="few", at="2026-11-03")
    few = known_accuracy.of(MARK)
    assert few
    assert (few.n, few.state) == (900, HOLDS)


def test_rows_that_are_kept_together_keep_their_dates():
    keep(MARK, at="2025-01-01")
    keep(replace(MARK, engine="openvino-fp32"), at="2026-11-01")
    (result,) = accuracy_files.kept()
    assert {row.engine: row.measured_at for row in result.engines} == {
        "openvino-int8": "2025-01-01",
        "openvino-fp32": "2026-11-01",
    }
    old = known_accuracy.of(MARK)
    assert old
    assert old.measured_at == "2025-01-01"


def test_sentences_of_another_file_of_the_same_name_are_not_joined():
    keep(MARK, dataset_sha256="one")
    keep(replace(MARK, engine="openvino-fp32"), dataset_sha256="other")
    assert len(accuracy_files.kept()) == 2


def test_results_of_earlier_versions_tell_no_gate(tmp_path: Path):
    accuracy_files.folder()
    row = {"engine": MARK.engine, "accuracy": 0.9, "ci95": [0.88, 0.92], "gate": True}
    old = {"dataset": "dev.tsv", "n": 872, "model": "M", "measured_at": "2026-11-01", "engines": [row]}
    (tmp_path / "accuracy" / "old.json").write_text(json.dumps(old))
    assert known_accuracy.of(MARK) is None
    (result,) = accuracy_files.kept()
    assert result.engines[0].accuracy == 0.9, "it is shown"
    assert known_accuracy.of_engine(result, result.engines[0], known_accuracy.MEASURED) is None


def test_the_baseline_is_what_others_are_held_against():
    known = known_accuracy.of(Fingerprint("pytorch-fp32"))
    assert known
    assert (known.state, known.origin) == (HOLDS, known_accuracy.DEFINITION)


# --- the stored accuracy


def stored(state: str) -> Fingerprint:
    """Return the fingerprint of an engine whose stored gate has this state."""
    for row in embedded.stored_accuracy()["engines"]:
        if row["gate"]["state"] == state and row["engine"] != "pytorch-fp32":
            return Fingerprint(**row["fingerprint"])
    pytest.fail(f"no stored gate {state}")


def elsewhere(mark: Fingerprint) -> Fingerprint:
    """Return the same file on another CPU."""
    return replace(mark, cpu="another")


def as_stored(mark: Fingerprint) -> list[tuple[float, float]]:
    return [(first, second) for first, second in embedded.stored_answers()[mark.engine]]


@pytest.mark.parametrize("state", [HOLDS, MISSES, NOT_PROVEN])
def test_a_stored_gate_counts_where_the_same_file_answers_the_same(state: str):
    mark = elsewhere(stored(state))
    assert known_accuracy.of(mark) is None, "not before that was looked at"
    known_accuracy.confirm(mark, lambda texts: as_stored(mark)[: len(texts)])
    known = known_accuracy.of(mark)
    assert known
    assert (known.state, known.origin) == (state, known_accuracy.STORED)
    assert known_accuracy.of(replace(mark, runtime="another 1.0")) is None, "that one was not looked at"


def test_it_is_looked_at_once():
    mark = stored(HOLDS)
    asked = []

    def answer(texts: list[str]) -> list[tuple[float, float]]:
        asked.append(len(texts))
        return as_stored(mark)

    for _ in range(2):
        known_accuracy.confirm(mark, answer)
    assert asked == [len(read_csv(SENTENCES))]


def test_other_answers_are_no_proof():
    mark = stored(HOLDS)
    first, *others = as_stored(mark)
    for changed in ((first[0] + 0.06, first[1]), (first[1], first[0])):
        other = replace(mark, cpu=f"cpu {changed}")
        known_accuracy.confirm(other, lambda _, changed=changed: [changed, *others])
        assert known_accuracy.of(other) is None
    within = replace(mark, cpu="within")
    known_accuracy.confirm(within, lambda _: [(first[0] + 0.04, first[1]), *others])
    assert known_accuracy.of(within)


def test_another_file_is_not_even_asked():
    mark = replace(stored(HOLDS), artifact_sha256="other")
    known_accuracy.confirm(mark, lambda _: pytest.fail("nothing to hold its answers against"))
    assert known_accuracy.of(mark) is None


def test_a_damaged_note_of_what_was_looked_at_is_no_proof():
    mark = stored(HOLDS)
    known_accuracy.confirm(mark, lambda _: as_stored(mark))
    known_accuracy.confirmations_file().write_text("{")
    assert known_accuracy.of(mark) is None


# --- fingerprints


def checkpoint(folder: Path, weights: bytes) -> ModelSource:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("config.json", b"{}"), ("model.safetensors", weights), ("tokenizer.json", b"{}")):
        (folder / name).write_bytes(data)
    return ModelSource("folder", str(folder))


def test_folders_of_one_name_and_weights_that_were_trained_again_differ(tmp_path: Path):
    first = checkpoint(tmp_path / "2024" / "best", b"first")
    second = checkpoint(tmp_path / "2025" / "best", b"second")
    assert first.name == second.name
    built: Any = None
    before = fingerprint.of_model(first, built)
    assert before != fingerprint.of_model(second, built)
    checkpoint(tmp_path / "2024" / "best", b"first, trained again")
    assert fingerprint.of_model(first, built) != before


def test_a_cpus_key_changes_with_what_chooses_kernels():
    host = {"cpu": "A CPU", "isa": ["avx2"], "caches": ["L2 Unified 1024K"], "memory_gb": 25.3}
    key = fingerprint.of_cpu(host)
    assert key == fingerprint.of_cpu({**host, "memory_gb": 25.2, "system": "Linux 7"})
    for change in ({"cpu": "B"}, {"isa": ["avx2", "avx512f"]}, {"caches": ["L2 Unified 512K"]}):
        assert fingerprint.of_cpu({**host, **change}) != key
    assert fingerprint.of_cpu({"cpu": "A CPU"}) == ""


# --- data sets that are pooled


def test_sets_are_pooled_by_sentence(tmp_path: Path):
    first, second = tmp_path / "a.tsv", tmp_path / "b.tsv"
    first.write_text("good\t1\nbad\t0\nodd\t1\n")
    second.write_text("good\t1\nodd\t0\nfine\t1\n")
    name, rows = pool([str(first), str(second)])
    assert name == "a.tsv + b.tsv"
    assert rows == [("good", 1), ("bad", 0), ("fine", 1)]
    with pytest.raises(BadDataset, match=r"c\.tsv"):
        pool([str(first), str(tmp_path / "c.tsv")])
