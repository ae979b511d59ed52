"""What is not built whole is never found; what is found is sound."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.model import ModelError, cache
from src.model import recipe as recipes
from src.model.source import ModelSource
from src.workers import artifacts, builder
from src.workers.pool import Pool
from tests import recipes as ours
from tests.conftest import ROOT

MODEL = ModelSource("embedded")
BUILD = "import sys; from src.model import cache, source; from tests import recipes; "


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))


def leftovers() -> list[Path]:
    return list(cache.root().glob(".building-*"))


def test_what_was_built_is_found_again_with_its_manifest():
    assert cache.find(ours.small, MODEL) is None
    built = cache.build(ours.small, MODEL)
    found = cache.find(ours.small, MODEL, verify=True)
    assert found == built
    assert found.manifest["facts"] == {"made": True}
    assert found.manifest["inputs"]["model"] == MODEL.fingerprint()


def test_building_again_does_not_build():
    first = cache.build(ours.small, MODEL)
    assert cache.build(ours.small, MODEL) == first


def test_a_corrupted_file_is_not_found_and_is_built_anew():
    built = cache.build(ours.small, MODEL)
    data = built.folder / "data.bin"
    data.write_bytes(bytes(1000))
    assert cache.find(ours.small, MODEL, verify=True) is None
    assert cache.build(ours.small, MODEL).manifest != built.manifest


@pytest.mark.parametrize("damage", ["", "{", '{"files": {"data.bin": {}}}', "[]"])
def test_a_damaged_manifest_is_not_found(damage: str):
    built = cache.build(ours.small, MODEL)
    (built.folder / cache.MANIFEST).write_text(damage)
    assert cache.find(ours.small, MODEL) is None


def test_a_missing_file_is_not_found():
    built = cache.build(ours.small, MODEL)
    (built.folder / "data.bin").unlink()
    assert cache.find(ours.small, MODEL) is None


def test_a_failed_build_leaves_nothing():
    with pytest.raises(RuntimeError):
        cache.build(ours.broken, MODEL)
    assert cache.find(ours.broken, MODEL) is None
    assert not leftovers()


def test_an_interrupted_build_is_never_found_and_is_swept():
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD + "cache.build(recipes.slow, source.parse())"], cwd=ROOT
    )
    while not any((folder / "data.bin").exists() for folder in leftovers()):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cache.find(ours.slow, MODEL) is None
    assert leftovers()
    cache.sweep()
    assert not leftovers()


def test_two_builders_at_once_build_once():
    command = [
        sys.executable,
        "-c",
        BUILD + "print(cache.build(recipes.slow, source.parse()).manifest['facts']['pid'])",
    ]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate()[0].strip() for process in processes}
    assert len(told) == 1, "both have the same artifact, made by one of them"
    found = cache.find(ours.slow, MODEL, verify=True)
    assert found
    assert (found.folder / "data.bin").read_bytes() == b"whole"


def test_the_key_follows_what_shapes_the_artifact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    key = recipes.key(ours.on_small, MODEL)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("x")
    assert recipes.key(ours.on_small, ModelSource("folder", str(tmp_path))) != key
    changed = recipes.Recipe(**{**vars(ours.small), "libraries": ("numpy",)})
    monkeypatch.setattr(ours, "small", changed)
    assert recipes.key(ours.on_small, MODEL) != key, "a changed need changes what needs it"


def ensure(*names: str) -> tuple[dict[str, str], list[artifacts.BuildStep]]:
    steps: list[artifacts.BuildStep] = []
    failed = artifacts.ensure([f"tests.recipes:{name}" for name in names], MODEL, steps.append, Pool().wait)
    return failed, steps


def test_the_builder_tells_each_step_and_builds_needs_first():
    failed, steps = ensure("on_small")
    assert not failed
    assert [(step.title, step.step, step.total) for step in steps] == [("Small", 1, 2), ("On small", 2, 2)]
    assert ensure("on_small") == ({}, []), "nothing is built twice"


def test_a_failed_recipe_fails_what_needs_it_and_nothing_else():
    failed, _ = ensure("on_broken", "small")
    assert failed.keys() == {"tests.recipes:broken", "tests.recipes:on_broken"}
    assert "does not know this operator" in failed["tests.recipes:on_broken"]
    assert cache.find(ours.small, MODEL)


def test_a_builder_that_dies_fails_its_recipe_and_the_others_go_on():
    failed, _ = ensure("dies", "small")
    assert failed.keys() == {"tests.recipes:dies"}
    assert "exit 139" in failed["tests.recipes:dies"]
    assert "Segmentation fault in the exporter" in failed["tests.recipes:dies"]
    assert cache.find(ours.small, MODEL)


def test_a_full_disk_names_the_fix():
    failed, _ = ensure("full_disk")
    assert "AWIY_HOME" in failed["tests.recipes:full_disk"]
    assert "full" in failed["tests.recipes:full_disk"]


def test_a_full_disk_told_by_a_library_names_the_fix(monkeypatch: pytest.MonkeyPatch):
    nearly_full = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    with pytest.raises(RuntimeError) as raised:
        cache.build(ours.full_disk_by_a_library, MODEL)
    assert "AWIY_HOME" in builder.reason_of(raised.value)


def test_a_builder_that_hangs_is_ended_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(artifacts, "BUILD_TIMEOUT_S", 3.0)
    failed, _ = ensure("hangs", "small")
    assert failed.keys() == {"tests.recipes:hangs"}
    assert "no sign for 3 s" in failed["tests.recipes:hangs"]
    assert cache.find(ours.small, MODEL)


def test_what_needs_something_unbuilt_is_not_built():
    with pytest.raises(ModelError, match="Small"):
        cache.build(ours.on_small, MODEL)


def test_the_manifest_is_json_with_hashes():
    built = cache.build(ours.small, MODEL)
    manifest = json.loads((built.folder / cache.MANIFEST).read_text())
    assert len(manifest["files"]["data.bin"]["sha256"]) == 64
    assert os.path.getsize(built.folder / "data.bin") == manifest["files"]["data.bin"]["bytes"]
