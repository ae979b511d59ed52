"""A bundle's own server: Infinity's API, with nothing of ours."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.bundle import requirements, serving
from tests import command_line
from tests.bundles import few_sentences, folder, run, search, store
from tests.conftest import DEMO
from tests.serving import Serving

__all__ = ["few_sentences", "folder", "search", "store"]  # fixtures
KEY = "a key"
LONG = " ".join(["It is a fine film."] * 200)
FITS = "fine " * 510  # with the tokens of its ends as many as the model reads


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    environment = {"PATH": os.environ["PATH"], "SERVE_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    log = tmp_path_factory.mktemp("server") / "log.txt"
    server = Serving(log, [str(folder / "serve.py")], folder.parent, environment, KEY)
    yield server
    server.end()


def test_it_answers_as_the_bundle_does(server: Serving, folder: Path):
    answers = json.loads((folder / "answers.json").read_text())
    texts = [each["text"] for each in answers]
    status, told, headers = server.ask({"inputs": texts})
    assert status == 200
    lines = run(folder, "infer.py", *texts).stdout.splitlines()
    for each, line in zip(told, lines, strict=True):
        label = ("negative", "positive")[each["probabilities"][1] > 0.5]
        assert line.endswith(f": {label} {max(each['probabilities']):.4f}")
        assert sum(each["probabilities"]) == pytest.approx(1)
    assert 0 < float(headers["x-inference-time"]) < float(headers["x-compute-time"]) < 1


def test_it_tells_how_many_tokens_a_text_has_and_whether_it_was_cut(server: Serving):
    told = server.ask({"inputs": [DEMO, FITS, LONG]})[1]
    assert [each["info"] for each in told] == [
        {"was_input_truncated": False, "num_tokens": 16},
        {"was_input_truncated": False, "num_tokens": 512},
        {"was_input_truncated": True, "num_tokens": 512},
    ]


def test_it_tells_what_it_serves_and_keeps_texts_to_itself(server: Serving, folder: Path):
    evidence = json.loads((folder / "evidence.json").read_text())
    about = server.ask(None, "/info", "GET")[1]
    assert about["name"] == evidence["configuration"]
    assert about["latency_ms_as_measured"] == evidence["latency_ms"]
    assert server.ask({"inputs": DEMO})[0] == 200
    assert server.ask({"inputs": DEMO}, headers={})[0] == 401
    assert DEMO not in server.log.read_text()


def test_our_command_serves_it_until_it_is_told_to_stop(folder: Path, tmp_path: Path):
    server = Serving(tmp_path / "log.txt", ["-m", "src", "serve", "--bundle", str(folder)])
    try:
        assert server.ask({"inputs": DEMO})[1]["info"]["num_tokens"] == 16
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) in (0, -signal.SIGTERM)
    finally:
        server.end()


def test_a_folder_without_a_server_says_what_to_do(tmp_path: Path):
    done = command_line.run("serve", "--bundle", str(tmp_path))
    assert done.returncode == 1
    assert "python -m src bundle" in done.stderr


def test_it_is_one_file_of_whole_code_and_needs_what_is_pinned(folder: Path):
    code = (folder / "serve.py").read_text()
    lint = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F", "serve.py"]
    subprocess.run(lint, cwd=folder, check=True, capture_output=True)
    assert "src" not in code
    names = [
        [line.partition("==")[0] for line in (folder / name).read_text().splitlines()]
        for name in ("requirements.txt", "requirements-serve.txt")
    ]
    assert {"starlette", "uvicorn", "uvloop", "httptools", "pydantic"} < set(names[1])
    assert not set(names[0]) & set(names[1]), "a package has one version"
    assert "requirements-serve.txt" in (folder / "README.md").read_text()


def test_an_older_python_gets_no_server():
    assert serving.files("3.9.18", []) == {}
    assert set(serving.files("3.12.1", requirements.closure(("numpy",), "main"))) == {
        "serve.py",
        "requirements-serve.txt",
    }
