"""How answers are judged: flips, intervals, McNemar's test, the gate, padding, data sets."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binomtest

from src.accuracy import accuracy_files, datasets
from src.accuracy.accuracy_result import Accuracy
from src.accuracy.datasets import BadDataset
from src.accuracy.gate import MISSES, NOT_PROVEN, Pairs
from src.bench import accuracy
from src.bench.accuracy import compare_padding, judge
from src.stats import mcnemar
from src.workers.pool import Pool
from tests.conftest import ROOT

ROWS = [("good", 1), ("bad", 0), ("fine", 1), ("poor", 0)]
YES, NO = (-1.0, 1.0), (1.0, -1.0)
BASELINE = [YES, NO, YES, NO]


def test_a_copy_agrees_in_everything():
    found = judge("x", BASELINE, BASELINE, ROWS, 1)
    assert (found.accuracy, found.agreement, found.flips) == (1.0, 1.0, 0)
    assert (found.max_abs_delta_logit, found.mean_abs_delta_logit) == (0.0, 0.0)
    assert found.mcnemar_p == 1.0
    assert found.gate
    assert found.gate.state == NOT_PROVEN, "four sentences prove nothing"
    assert found.flipped == ()


def test_a_flip_is_told_with_its_sentence():
    found = judge("x", [YES, NO, (0.5, -0.5), NO], BASELINE, ROWS, 1)
    assert found.accuracy == 0.75
    assert found.flips == 1
    flip = found.flipped[0]
    assert (flip.text, flip.expected, flip.given) == ("fine", "positive", "negative")
    assert flip.delta_logit == found.max_abs_delta_logit == 1.5
    assert found.mean_abs_delta_logit == pytest.approx(1.5 / 4)
    assert found.pairs == Pairs(both=3, baseline_only=1, engine_only=0, neither=0)


def test_the_positive_index_decides():
    assert judge("x", [NO, YES, NO, YES], None, ROWS, 0).accuracy == 1.0


def test_without_a_baseline_nothing_is_compared():
    found = judge("x", BASELINE, None, ROWS, 1)
    assert found.gate is found.flips is found.mcnemar_p is None


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 9), (9, 3), (12, 12), (40, 61)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)


def test_the_gate_compares_the_same_sentences():
    """The same accuracy, 97 % of the baseline's: by other sentences it is not as sure."""
    rows = [("x", 1)] * 400
    baseline = [YES] * 380 + [NO] * 20
    lost = [NO] * 11 + [YES] * 369 + [NO] * 20
    swapped = [NO] * 29 + [YES] * 351 + [YES] * 18 + [NO] * 2
    first, second = (judge("x", ours, baseline, rows, 1) for ours in (lost, swapped))
    assert first.gate
    assert second.gate
    assert first.accuracy == second.accuracy
    assert (first.gate.state, second.gate.state) == (MISSES, NOT_PROVEN)


def test_padding_is_compared_with_the_engine_itself():
    found = compare_padding([YES, NO, YES], [YES, (-0.1, 0.1)], 1)
    assert (found.n, found.flips) == (2, 1)
    assert found.max_abs_delta_logit == pytest.approx(1.1)


def test_the_projects_own_sentences_are_the_default():
    name, rows = datasets.read(None)
    assert name == "sentences.csv"
    assert len(rows) > 300
    assert {label for _, label in rows} == {0, 1}


@pytest.mark.parametrize("text", ["text,label\na,yes\n", "sentence,label\na,1\n"])
def test_a_csv_that_is_none_is_told(tmp_path: Path, text: str):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(BadDataset, match="text and label"):
        datasets.read(str(path))


def test_a_hub_that_cannot_be_reached_names_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadDataset, match="--dataset"):
        datasets.read("hub")


def result(*engines: str, measured_at: str) -> Accuracy:
    rows = tuple(judge(engine, BASELINE, BASELINE, ROWS, 1) for engine in engines)
    return Accuracy(dataset="d.tsv", n=4, model="M", measured_at=measured_at, engines=rows)


def test_results_are_kept_and_joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    accuracy_files.keep(result("a", "b", measured_at="2026-11-01T00:00:00Z"))
    accuracy_files.keep(result("b", "c", measured_at="2026-11-02T00:00:00Z"))
    found = accuracy_files.kept()
    assert len(found) == 1
    assert sorted(row.engine for row in found[0].engines) == ["a", "b", "c"]
    (tmp_path / "accuracy" / "broken.json").write_text("{")
    assert len(accuracy_files.kept()) == 1


KEEP = """
import sys, time
from src.accuracy import accuracy_files
from tests.unit.test_accuracy import result
real = accuracy_files.kept
def kept():  # slow, so that another one comes between reading and writing
    found = real()
    time.sleep(0.05)
    return found
accuracy_files.kept = kept
input()
for number in range(5):
    accuracy_files.keep(result(sys.argv[1], measured_at=f"2026-11-01T00:00:{number:02d}Z"))
"""


def test_two_that_keep_results_at_once_lose_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    accuracy_files.folder()
    names = ["a", "b", "c", "d"]
    command = [sys.executable, "-c", KEEP]
    processes = [subprocess.Popen([*command, name], cwd=ROOT, stdin=subprocess.PIPE) for name in names]
    for process in processes:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * len(names)
    (found,) = accuracy_files.kept()
    assert sorted(row.engine for row in found.engines) == names


def test_each_engine_is_told_as_soon_as_it_is_there(pool: Pool, tmp_path: Path):
    """The baseline first, as the others are held against it; a killed measurement has kept what was done."""
    path = tmp_path / "few.tsv"
    path.write_text("A fine film.\t1\nA dull film.\t0\nI loved it.\t1\nI left early.\t0\n")
    told: list[Accuracy] = []
    whole = accuracy.measure(pool, [str(path)], ["onnxruntime-fp32", "pytorch-fp32"], each=told.append)
    assert [one.engines[0].engine for one in told] == ["pytorch-fp32", "onnxruntime-fp32"]
    assert tuple(engine for one in told for engine in one.engines) == whole.engines
    assert [without_host(one) for one in told] == [without_host(whole)] * 2
    assert told[1].engines[0].gate


def without_host(result: Accuracy) -> Accuracy:
    return replace(result, host={}, engines=())
