"""One measurement at a time on a host: real processes, a lock file of the test's own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.bench import lock
from tests.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from src.bench import lock
lock.PATH = Path(sys.argv[1])
with lock.host_lock("a test", print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "PATH", tmp_path / "host.lock")
    return tmp_path / "host.lock"


def test_the_real_path_is_fixed_and_outside_the_home():
    code = "from src.bench import lock; print(lock.PATH)"
    paths = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True
        ).stdout
        for more in ({"AWIY_HOME": "/a"}, {"AWIY_HOME": "/b", "TMPDIR": "/c"})
    }
    assert len(paths) == 1


def test_a_second_process_waits_is_told_who_and_goes_on_when_the_first_is_killed(own_path: Path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(own_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout
    assert first.stdout.readline() == "held\n"
    told: list[str] = []

    def pause(seconds: float) -> None:
        assert told, "who waits is told before"
        first.kill()
        time.sleep(seconds)

    with lock.host_lock("the second", told.append, pause):
        assert lock.holder() == f"the second, process {os.getpid()}"
    first.wait()
    assert told == [f"a test, process {first.pid}"]


def test_anybody_may_open_the_lock(own_path: Path):
    before = os.umask(0o077)
    try:
        os.close(lock.open_lock())
    finally:
        os.umask(before)
    assert own_path.stat().st_mode & 0o777 == 0o666


def test_a_link_is_not_followed(own_path: Path, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    own_path.symlink_to(precious)
    with pytest.raises(lock.LockError, match="Have its owner remove it"), lock.host_lock("x", print):
        pass
    assert precious.read_text() == "keep me"
