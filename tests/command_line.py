"""The command line, in a new process each time. To import it takes seconds: one process has done that, and
each call is a fork of it. As users start it, it is started in test_runs_cli, test_environments and in the
browser tests.
"""

import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from tests import fast
from tests.conftest import ROOT

TIMEOUT_S = 200
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["src.cli.main", "tests.command_line"])


def run(*arguments: str, calm: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    """Return what `python -m src ARGUMENTS` printed and its exit code. Raises TimeoutExpired. If `calm`, what
    it measures counts whatever else the host does, as for the fixture of this name.
    """
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / name for name in ("out", "err")]
        values = {**os.environ, **environment}
        process = FORKS.Process(target=command, args=(arguments, values, outputs, calm))
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):  # else it would be run, too
            process.start()
        process.join(TIMEOUT_S)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), TIMEOUT_S)
        texts = [path.read_text(encoding="utf-8") for path in outputs]
    return subprocess.CompletedProcess(list(arguments), process.exitcode or 0, *texts)


def command(arguments: tuple[str, ...], environment: dict[str, str], outputs: list[Path], calm: bool) -> None:
    """Be `python -m src ARGUMENTS`, writing into files."""
    for stream, path in zip((sys.stdout, sys.stderr), outputs, strict=True):
        with open(path, "wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    if calm:
        fast.calm()
    sys.argv = ["src", *arguments]
    runpy.run_module("src", run_name="__main__", alter_sys=True)


def run_json(*arguments: str, **environment: str) -> Any:
    done = run(*arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
