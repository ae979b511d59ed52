"""Two containers on one home would take each other's runs for dead ones: the second is refused."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.store import neighbours
from src.store.database import StoreError, open_store
from tests.conftest import ROOT

OPEN = "from src.store.database import open_store; open_store(); print('open', flush=True); input()"


def in_container(home: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """Open the store of a home in a container of its own: as far as processes are concerned."""
    unshare = shutil.which("unshare")
    assert unshare, "util-linux has it"
    monkeypatch.setenv("AWIY_HOME", str(home))
    return subprocess.Popen(
        [unshare, "--pid", "--fork", "--kill-child", sys.executable, "-c", OPEN],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_second_container_is_refused_until_the_first_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = in_container(tmp_path / "home", monkeypatch)
    assert first.stdout
    told = first.stdout.readline()
    if "Operation not permitted" in told:
        pytest.skip("no namespaces may be made here")
    try:
        assert told == "open\n"
        with pytest.raises(StoreError, match="Another container"):
            open_store()
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
        assert first.stdin
        first.stdin.close()
    deadline = time.monotonic() + 10
    while neighbours.others_use(tmp_path / "home") and time.monotonic() < deadline:
        time.sleep(0.1)  # the kernel ends what was in it
    assert open_store().path.exists()
    assert len(list((tmp_path / "home").glob(".pid-namespace-*"))) == 1


def test_processes_of_one_container_share_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    open_store()
    done = subprocess.run(
        [sys.executable, "-c", OPEN], cwd=ROOT, input="\n", capture_output=True, text=True, check=True
    )
    assert done.stdout == "open\n"
