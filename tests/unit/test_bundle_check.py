"""A bundle's own check: what is wrong with it or with its host is named."""

import json
import re
from pathlib import Path

from tests.bundles import SENTENCES, change, copied, few_sentences, folder, run, search, states, store

__all__ = ["copied", "few_sentences", "folder", "search", "store"]  # fixtures


def test_its_check_times_it_and_says_where_the_figure_lies(folder: Path):
    done = run(folder, "check.py", "--json")
    ((text, state),) = (
        (each["text"], each["state"]) for each in json.loads(done.stdout) if each["check"] == "latency"
    )
    low, high, there = map(
        float, re.findall(r"([\d.]+) to ([\d.]+) in 10 turns; measured was ([\d.]+)", text)[0]
    )
    assert state == ("ok" if low <= there <= high else "differs")
    assert done.returncode == (0 if state == "ok" else 2)
    assert ("which is within that" in text) == (state == "ok")


def test_a_figure_that_cannot_be_reached_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["latency_ms"].update({"16": 0.0001}))
    done = run(copied, "check.py")
    assert done.returncode == 2
    assert "measured was 0.0001, it is slower here" in done.stdout


def test_a_damaged_model_is_named(copied: Path):
    content = bytearray((copied / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (copied / "model.onnx").unlink()
    (copied / "model.onnx").write_bytes(content)
    code, told = states(copied)
    assert code == 1
    assert told["files"] == ("wrong", "model.onnx is not the file that was shipped. Copy the bundle again.")


def test_half_a_model_is_named_though_it_cannot_be_loaded(copied: Path):
    content = (copied / "model.onnx").read_bytes()
    (copied / "model.onnx").unlink()
    (copied / "model.onnx").write_bytes(content[: len(content) // 2])
    code, told = states(copied)
    assert code == 1
    assert told["files"][0] == "wrong"
    assert told["answers"][1].startswith("It does not run: ")


def test_a_missing_file_is_named(copied: Path):
    (copied / "tokenizer.json").unlink()
    code, told = states(copied)
    assert code == 1
    assert "tokenizer.json is missing" in told["files"][1]


def test_another_cpu_is_told_by_its_flags(copied: Path):
    def elsewhere(evidence: dict) -> None:
        evidence["cpu"] = {**evidence["cpu"], "name": "Another CPU", "flags": ["amx_int8", "fma"]}

    change(copied / "evidence.json", elsewhere)
    code, told = states(copied)
    assert code == 2
    state, text = told["cpu"]
    assert state == "differs"
    assert "it has no amx_int8, which the measured one has" in text
    assert "avx2, " in text or "avx2," in text
    assert told["answers"][0] == "ok"


def test_another_version_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["packages"].update(onnxruntime="1.2.3"))
    code, told = states(copied)
    assert code == 2
    assert told["packages"][0] == "differs"
    assert "onnxruntime is 1.32.0, measured was 1.2.3" in told["packages"][1]
    assert "pip install -r requirements.txt" in told["packages"][1]


def test_a_package_that_is_absent_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["packages"].update({"no-such-package": "1"}))
    code, told = states(copied)
    assert code == 1
    assert told["packages"][1].startswith("Not installed: no-such-package 1.")


def test_answers_with_another_label_are_told(copied: Path):
    change(copied / "answers.json", lambda answers: answers[0]["logits"].reverse())
    code, told = states(copied)
    assert code == 1
    assert f"1 of {SENTENCES} sentences get another label" in told["answers"][1]


def test_logits_that_moved_are_told_and_labels_that_stayed(copied: Path):
    def move(answers: list) -> None:
        answers[0]["logits"] = [1.01 * value for value in answers[0]["logits"]]
        answers[0]["logits"][0] -= 0.1 if answers[0]["logits"][0] < answers[0]["logits"][1] else -0.1

    change(copied / "answers.json", move)
    code, told = states(copied)
    assert code == 2
    assert told["answers"][0] == "differs"


def test_code_that_was_changed_is_told(copied: Path):
    code = (copied / "infer.py").read_text()
    (copied / "infer.py").unlink()
    (copied / "infer.py").write_text(code + "# mine\n")
    exit_code, told = states(copied)
    assert exit_code == 2
    assert told["files"] == ("differs", "infer.py is not the file that was shipped.")
