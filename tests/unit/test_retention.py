"""What nobody needs is found, shown, and removed only when asked; the hosted demo keeps the newest itself."""

import json
from pathlib import Path

import pytest

from src.jobs.supervisor import Supervisor
from src.limits import Limits
from src.model import cache, obsolete
from src.model.source import ModelSource
from src.store import retention, runs
from src.store.database import Store
from tests.command_line import run, run_json
from tests.unit.test_results import made
from tests.unit.test_store import TIMES, asked_for_on_a_page, kept, store, with_id

__all__ = ["store"]  # a fixture
MODEL = ModelSource("embedded")


def some_runs(store: Store, count: int, asked_on_page: bool) -> list[str]:
    ids = []
    for number in range(count):
        id = f"202611{10 + asked_on_page}-0000{number:02d}-abcd"
        started = f"2026-11-{10 + asked_on_page}T00:00:{number:02d}Z"
        kept(store, with_id(made(TIMES, rounds=6), id, started_at=started))
        ids.append(id)
        if asked_on_page:
            asked_for_on_a_page(store, id, started)
    return ids


def test_the_hosted_demo_keeps_the_newest_of_its_visitors(store: Store, monkeypatch: pytest.MonkeyPatch):
    """What its operator measured on the command line stays."""
    own = some_runs(store, 3, asked_on_page=False)
    theirs = some_runs(store, 5, asked_on_page=True)
    monkeypatch.setenv("AWIY_HOSTED", "1")
    caps = Limits(1000, 60, 120.0, 12, 1, 12, 60, 2, False, 2)
    monkeypatch.setattr("src.jobs.supervisor.limits", lambda: caps)
    Supervisor().look(store)
    assert {one.id for one in runs.listed(store)} == {*own, *theirs[3:]}
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 4
        assert connection.exec_driver_sql("SELECT count(*) FROM slices").scalar() == 5 * 18


def test_on_ones_own_machine_nothing_goes_by_itself(store: Store):
    ids = some_runs(store, 3, asked_on_page=True)
    Supervisor().look(store)
    assert {one.id for one in runs.listed(store)} == set(ids)
    assert retention.beyond(store, 2) == ids[:1]
    assert retention.beyond(store, 9) == []


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    cache.build(cache.recipes.find("tests.recipes:small"), MODEL)
    return cache.root()


def test_an_artifact_of_other_libraries_is_obsolete(artifacts: Path):
    (current,) = artifacts.glob("small-*")
    assert obsolete.find() == []
    old = artifacts / "small-0123456789abcdef"
    old.mkdir()
    manifest = json.loads((current / cache.MANIFEST).read_text())
    manifest["inputs"]["sources"] = ["of last year"]
    (old / cache.MANIFEST).write_text(json.dumps(manifest))
    (old / "data.bin").write_bytes(bytes(2_000_000))
    gone = artifacts / "gone-0123456789abcdef"
    gone.mkdir()
    (gone / cache.MANIFEST).write_text(json.dumps({**manifest, "recipe": "tests.recipes:no_more"}))
    (artifacts / "half-0123456789abcdef").mkdir()
    found = {one.folder.name: one.why for one in obsolete.find()}
    assert found == {
        "gone-0123456789abcdef": "no engine has this recipe any more",
        "half-0123456789abcdef": "it is damaged",
        "small-0123456789abcdef": "it was made from other sources",
    }
    for yes in (False, True):
        done = run("clean", *(["--yes"] if yes else []))
        assert done.returncode == 0
        assert "small-0123456789abcdef, 2 MB: it was made from other sources" in done.stdout
        assert ("Nothing was removed: add --yes" in done.stdout) != yes
        assert old.exists() != yes
    assert current.exists()
    assert cache.find(cache.recipes.find("tests.recipes:small"), MODEL, verify=True)


def test_an_artifact_of_another_model_stays(artifacts: Path):
    """It is current for its model, wherever that is now."""
    (current,) = artifacts.glob("small-*")
    other = obsolete.Fingerprint("another checkpoint")
    name = cache.recipes.key(cache.recipes.find("tests.recipes:small"), other)  # type: ignore[arg-type]
    current.rename(artifacts / name)
    manifest = json.loads((artifacts / name / cache.MANIFEST).read_text())
    manifest["inputs"]["model"] = other.value
    (artifacts / name / cache.MANIFEST).write_text(json.dumps(manifest))
    assert obsolete.find() == []


def test_runs_are_removed_when_so_many_are_to_stay(store: Store):
    ids = some_runs(store, 3, asked_on_page=False)
    command = ("clean", "--keep-runs", "1")
    dry = run_json(*command)
    assert [one["name"] for one in dry["items"]] == ids[:2]
    assert not dry["removed"]
    assert len(runs.listed(store)) == 3
    assert run_json(*command, "--yes")["removed"]
    assert [one.id for one in runs.listed(store)] == ids[2:]
