"""A run's file is read event by event: what it costs in memory, and times that cannot be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from src.store import transfer
from src.store.transfer import BadRun
from tests.conftest import ROOT
from tests.unit.test_results import made
from tests.unit.test_transfer import TIMES, event, run, unsigned

__all__ = ["run"]  # a fixture


@pytest.mark.parametrize(
    ("started_at", "words"),
    [("2026-99-99T99:99:99Z", "is no time"), ("2999-01-01T00:00:00Z", "in the future")],
)
def test_a_time_that_cannot_be_is_refused(run: dict[str, Any], started_at: str, words: str):
    """It would stand first in History for ever, and speak for this host on Verdict."""
    event(run, "begun")["started_at"] = started_at
    with pytest.raises(BadRun, match=words):
        transfer.parse(unsigned(run), "run.json")


# The peak of this program alone: a process's ru_maxrss begins with that of who started it.
READ = """
import sys
from pathlib import Path
from src.store import transfer
transfer.adapter()
data = Path(sys.argv[1]).read_bytes()
def peak_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
before = peak_kb()
try:
    transfer.parse(data, "run.json")
except transfer.BadRun as error:
    print(error, file=sys.stderr)
print((peak_kb() - before) * 1024 / len(data))
"""


def memory_of(path: Path) -> float:
    """Return how much memory reading a file takes beside its bytes, as a multiple of its size."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.parametrize("piece", ["[]", "{}", "1", '{"kind":"slice","ns":[1]}'])
def test_garbage_costs_no_memory_to_speak_of(tmp_path: Path, piece: str):
    path = tmp_path / "garbage.json"
    path.write_text(
        '{"schema_version": 2, "events": [' + ",".join([piece] * (15_000_000 // len(piece))) + "]}"
    )
    assert memory_of(path) < 1.0


def test_a_run_costs_memory_in_proportion_to_its_file(tmp_path: Path):
    """At most four times its size, its bytes among them."""
    run = transfer.whole(made(TIMES, rounds=2000, calls=60))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run))
    assert path.stat().st_size > 5_000_000
    assert 1 + memory_of(path) <= 4.0
