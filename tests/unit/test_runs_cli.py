"""The commands about runs: what they refuse, and how they write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.cli.console import write
from tests.command_line import run
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bench", "--seq-len", "4"), "from 8 to 512 is possible"),
        (("bench", "--seq-len", "x"), "no list of numbers"),
        (("bench", "--preset", "fast"), "Choose one of quick, writeup, full"),
        (("bench", "--engines", "nothing"), "Unknown engine"),
        (("bench", "--scope", "server"), "Ask for model or pipeline"),
        (("bench", "--json", "/nowhere/at/all.json"), "Make it first"),
        (("find", "--budget", "soon"), "Write 20m, 1h"),
        (("find", "--budget", "20"), "at least 120 s"),
        (("find", "--seq-len", "x"), "no list of numbers"),
        (("find", "--max-drop", "0"), "Give a percentage such as 1."),
        (("find", "--seq-len", "4000"), "from 8 to 512 is possible"),
        (("find", "--engines", "nothing"), "Unknown engine"),
        (("find", "--show", "x"), "There is no search “x”"),
        (("find", "--resume", "x"), "Begin one: python -m src find"),
        (("show", "20200101-000000-0000"), "There is no run"),
        (("show", "README.md"), "is no run"),
        (("compare", "README.md", "README.md"), "is no run"),
        (("import", "README.md"), "is no run"),
        (("import", "nothing.json"), "cannot be read"),
        (("export", "20200101-000000-0000"), "There is no run"),
        (("delete", "20200101-000000-0000"), "There is no run"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(arguments: tuple[str, ...], words: str):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.json"
    write(str(path), "first")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(str(path), "second")
    assert path.read_text() == "first"


def test_help_is_readable():
    done = subprocess.run(
        [sys.executable, "-m", "src", "bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for flag in (
        "--preset",
        "--seq-len",
        "--batch-size",
        "--threads",
        "--scope",
        "--pace",
        "--budget",
        "--csv",
    ):
        assert flag in done.stdout
