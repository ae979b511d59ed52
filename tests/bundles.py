"""A bundle that is made of a real engine, and what tests do with it: fixtures and helpers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.accuracy import datasets
from src.bundle import bundle, claims, licences
from src.bundle.bundle import Bundle
from src.bundle.claims import Claim
from src.model.source import ModelSource
from src.search.state import Search
from src.store.database import Store, open_store
from tests.confirmed import confirmed
from tests.unit.test_results import BASELINE

OPTION = "onnxruntime-int8~denormals=zero"
SENTENCES = 4


@pytest.fixture(scope="module", autouse=True)
def few_sentences() -> object:
    with pytest.MonkeyPatch.context() as patch:
        every = datasets.read
        patch.setattr(datasets, "read", lambda of: (every(of)[0], every(of)[1][:SENTENCES]))
        yield


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def search(store: Store) -> Search:
    return confirmed(store, OPTION, BASELINE)


def handed_over(store: Store, search: Search, folder: Path) -> Bundle:
    """Return the bundle of what a search proposes, made in a new folder."""
    return make(search, claims.claim(store, search), folder)


def make(search: Search, claim: Claim, folder: Path) -> Bundle:
    licence = licences.of_model(ModelSource("embedded"))
    return bundle.make(search, claim, licence, folder, lambda _: None)


@pytest.fixture(scope="module")
def folder(store: Store, search: Search, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return handed_over(store, search, tmp_path_factory.mktemp("bundle") / "classifier").folder


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy in which a test may put other files in the place of some."""
    place = tmp_path / "classifier"
    place.mkdir()
    for path in folder.iterdir():
        os.link(path, place / path.name)
    return place


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a script of a bundle said, in an environment in which nothing of ours can be imported."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


def states(folder: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code of a bundle's own check, and what it says by check."""
    done = run(folder, "check.py", "--quick", "--json")
    assert not done.stderr
    return done.returncode, {each["check"]: (each["state"], each["text"]) for each in json.loads(done.stdout)}


def change(path: Path, how: Callable[[dict], object]) -> None:
    """Change a JSON file of a copy."""
    value = json.loads(path.read_text())
    how(value)
    path.unlink()
    path.write_text(json.dumps(value))
