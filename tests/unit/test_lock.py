"""One measurement at a time on a host: real processes, a lock file of the test's own."""

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from src.host import lock
from tests.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from src.host import lock
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
    code = "from src.host import lock; print(lock.PATH)"
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


@pytest.fixture
def held(own_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(own_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_whose_file_was_removed_is_still_held(
    held: subprocess.Popen[str], own_path: Path, replaced: bool
):
    """As a cleaner of temporary files does, which spares none of the three."""
    for file in (own_path, lock.turn(), lock.waiting_room()):
        file.unlink(missing_ok=True)
    if replaced:
        own_path.write_text("something else")
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 2:
            held.kill()
        time.sleep(seconds)

    with lock.host_lock("the second", lambda _: None, pause):
        assert held.poll() is not None, "two measure at once"
    assert len(waited) > 2
    if not replaced:
        assert lock.holder_now() == ""


def test_a_holder_is_seen_when_its_file_is_gone(held: subprocess.Popen[str], own_path: Path):
    assert lock.holder_now() == f"a test, process {held.pid}"
    own_path.unlink()
    assert lock.holder_now() == lock.SOMEBODY


def test_a_fifo_is_refused_and_keeps_nobody(own_path: Path):
    os.mkfifo(own_path)
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(lock.holder_now()), daemon=True)
    asking.start()
    asking.join(5)
    if asking.is_alive():
        os.close(os.open(own_path, os.O_RDWR))  # so that it ends
    assert told == [""]
    with pytest.raises(lock.LockError, match="Have its owner remove it"), lock.host_lock("x", print):
        pass


def test_a_lock_that_became_something_else_meanwhile_is_told(own_path: Path):
    tried = lock.HostLock(lock.open_lock(), "x", time.sleep)
    own_path.unlink()
    os.mkfifo(own_path)
    with pytest.raises(lock.LockError, match="no regular file"):
        tried.seize()
    os.close(tried.fd)  # still its own, for `host_lock` to close


def test_a_huge_file_is_not_read(own_path: Path):
    with open(own_path, "wb") as file:
        file.truncate(300_000_000)
    before = psutil.Process().memory_info().rss
    tracemalloc.start()
    lock.holder()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert psutil.Process().memory_info().rss < before + 50_000_000


def test_another_folder_is_another_lock_and_a_service_may_be_told_one(tmp_path: Path):
    """A service with temporary files of its own, and the command line beside it."""
    code = "from src.host import lock; print(lock.PATH)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "AWIY_LOCK": str(tmp_path / "the.lock")},
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == str(tmp_path / "the.lock")


def test_a_private_folder_for_temporary_files_is_no_way_around(
    held: subprocess.Popen[str], own_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What systemd's PrivateTmp does: the same path leads elsewhere."""
    hidden = tmp_path / "hidden"
    own_path.rename(hidden)
    tried = lock.HostLock(lock.open_lock(), "x", time.sleep)
    assert not getattr(tried, "seize", lambda: lock.try_lock(tried.fd, 2))()
    os.close(tried.fd)


def test_sentences_one_after_the_other_do_not_keep_a_benchmark_from_beginning():
    """Each lets go of the lock and takes it again at once; a benchmark looks every quarter of a second."""
    done = threading.Event()
    held = 0

    def type_on() -> None:
        nonlocal held
        while not done.is_set():
            with lock.host_lock("a sentence", lambda holder: None, urgent=True):
                held += 1
                done.wait(0.3)

    typist = threading.Thread(target=type_on)
    typist.start()
    try:
        while not held:
            time.sleep(0.01)
        began = time.monotonic()
        with lock.host_lock("a benchmark", lambda holder: None, pause=lambda s: out_of_patience(began, s)):
            before = held
    finally:
        done.set()
        typist.join()
    assert before <= 4


def out_of_patience(began: float, seconds: float) -> None:
    assert time.monotonic() - began < 10.0, "it waits for ever"
    time.sleep(seconds)
