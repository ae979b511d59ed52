"""Where this program cannot run it says so in one sentence, before anything is installed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src import system
from tests.conftest import ROOT


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_where_it_runs_it_says_nothing(version: tuple[int, int]):
    assert system.trouble("Linux", "x86_64", version) == ""


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (("Darwin", "arm64", (3, 12)), "this machine is Darwin on arm64"),
        (("Linux", "aarch64", (3, 12)), "this machine is Linux on aarch64"),
        (("Windows", "AMD64", (3, 12)), "this machine is Windows on AMD64"),
        (("Linux", "x86_64", (3, 10)), "this is Python 3.10"),
        (("Linux", "x86_64", (3, 14)), "this is Python 3.14"),
    ],
)
def test_elsewhere_it_says_what_is_needed(machine: tuple[str, str, tuple[int, int]], words: str):
    told = system.trouble(*machine)
    assert words in told
    assert "Linux on x86-64 and Python 3.11, 3.12 or 3.13" in told


def test_any_python_can_read_it():
    ast.parse((ROOT / "src/system.py").read_text(), feature_version=(3, 7))
    assert subprocess.run([sys.executable, "-I", str(ROOT / "src/system.py")]).returncode == 0


def test_make_says_it_before_it_installs_anything(tmp_path: Path):
    """On a machine whose `uname` tells of another."""
    other = tmp_path / "uname"
    other.write_text('#!/bin/sh\n[ "$1" = -m ] && echo arm64 || echo Darwin\n')
    other.chmod(0o755)
    made = subprocess.run(
        ["make", "-C", str(ROOT), "app", f"VENV={tmp_path / 'venv'}"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert made.returncode != 0
    assert "needs Linux on x86-64; this machine is Darwin on arm64." in made.stdout
    assert "Installing" not in made.stdout
    assert not (tmp_path / "venv").exists()
