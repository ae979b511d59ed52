"""Faults of 0efc3dd whose other tests need what came with the mend: by what both versions have.

So each of these fails there by its own assertion.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.host import machine
from src.jobs.supervisor import Supervisor
from src.limits import HOSTED
from src.model import cache
from src.model.source import ModelSource
from src.store import runs
from src.store.database import Store
from tests.conftest import ROOT
from tests.unit.test_results import made
from tests.unit.test_store import TIMES, asked_for_on_a_page, kept, store, with_id

__all__ = ["store"]  # a fixture


def test_the_hosted_demo_does_not_keep_every_run_of_its_visitors(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    """Faults M13."""
    monkeypatch.setenv("AWIY_HOSTED", "1")
    caps = SimpleNamespace(**{**asdict(HOSTED), "kept_runs": 2})
    monkeypatch.setattr("src.jobs.supervisor.limits", lambda: caps, raising=False)
    for number in range(5):
        id, at = f"20261110-00000{number}-abcd", f"2026-11-10T00:00:0{number}Z"
        kept(store, with_id(made(TIMES, rounds=6), id, started_at=at))
        asked_for_on_a_page(store, id, at)
    Supervisor().look(store)
    assert sorted(listed.id[-6] for listed in runs.listed(store)) == ["3", "4"]


def test_a_services_own_limits_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Faults M15: a service's group is below the mount's root."""
    try:
        from src.host import cgroup
    except ImportError:
        cgroup = machine  # type: ignore[misc]
    own, root = tmp_path / "own", tmp_path / "root"
    service = root / "system.slice" / "awiy.service"
    service.mkdir(parents=True)
    own.write_text("0::/system.slice/awiy.service\n")
    (service / "cpu.max").write_text("150000 100000\n")
    monkeypatch.setattr(cgroup, "ROOT" if hasattr(cgroup, "ROOT") else "CGROUP", root)
    monkeypatch.setattr(cgroup, "OWN", own, raising=False)
    assert cgroup.quota_cpus() == 1.5


def test_an_artifact_of_old_libraries_can_be_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Faults L17: by the command for it; building, or `doctor`, does not do it by itself either."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    small, model = cache.recipes.find("tests.recipes:small"), ModelSource("embedded")
    cache.build(small, model)
    (current,) = cache.root().glob("small-*")
    old = cache.root() / "small-0123456789abcdef"
    old.mkdir()
    manifest = json.loads((current / cache.MANIFEST).read_text())
    manifest["inputs"]["sources"] = ["of last year"]
    (old / cache.MANIFEST).write_text(json.dumps(manifest))
    subprocess.run([sys.executable, "-m", "src", "clean", "--yes"], cwd=ROOT, capture_output=True)
    subprocess.run([sys.executable, "-m", "src", "doctor"], cwd=ROOT, capture_output=True)
    cache.build(small, model)
    assert not old.exists(), "it stays for ever"
    assert current.exists()
