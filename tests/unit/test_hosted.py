"""What strangers may ask for and are told in the hosted demo."""

import json

import pytest

from src.bench import sentence
from src.bench.sentence import BadSentence
from src.engines import registry
from src.host import machine
from src.limits import public
from src.store import transfer
from src.store.database import Store
from src.workers.pool import Pool
from tests.unit.test_results import made
from tests.unit.test_store import TIMES, store

__all__ = ["store"]  # a fixture
pytestmark = pytest.mark.usefixtures("hosted")


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_HOSTED", "1")


@pytest.mark.usefixtures("fakes", "two_cpus")
def test_another_thread_count_is_refused(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """Two visitors who alternate would have every worker loaded anew each time."""
    with pytest.raises(BadSentence, match=f"measured with {machine.default_threads()}"):
        sentence.answer(pool, "A fine film.", ["fake-plausible"], threads=1)
    assert not pool.workers
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    usual = sentence.answer(pool, "A fine film.", ["fake-plausible"], threads=machine.default_threads())
    assert usual.threads == machine.default_threads()
    monkeypatch.delenv("AWIY_HOSTED")
    assert sentence.answer(pool, "A fine film.", ["fake-plausible"], threads=1).threads == 1


@pytest.mark.usefixtures("fakes")
def test_a_sentence_has_so_many_engines_at_most():
    ids = [spec.id for spec in registry.all_engines() if spec.id.startswith("fake-")]
    assert len(ids) > 13
    assert len(sentence.choose(ids[:12])[0]) == 12
    for asked in (ids, ids[:13]):
        with pytest.raises(BadSentence, match="at most 12"):
            sentence.choose(asked)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at /home/jane/awiy/runs.db, now", "at (a path), now"),
        ("file:///srv/a.onnx failed", "(a path) failed"),
        ("sqlite:////srv/awiy/runs.db", "(a path)"),
        ("“/home/Jane Doe/awiy/model.onnx” is damaged", "“(a path)” is damaged"),
        ("in /srv: full", "in (a path): full"),
        ("in ~/awiy", "in (a path)"),
        ("a benchmark, process 812", "a benchmark"),
        ("killed pid 812.", "killed."),
        ("--model=/srv/m --json=/srv/x.json", "--model=(a path) --json=(a path)"),
        ("2 texts/s and 1 / 2", "2 texts/s and 1 / 2"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("±2 % +/- 3", "±2 % +/- 3"),
    ],
)
def test_paths_and_process_ids_are_left_out(text: str, shown: str):
    assert public(text) == shown


def test_what_is_downloaded_says_no_more(store: Store, monkeypatch: pytest.MonkeyPatch):
    record = made(TIMES, name="jane-laptop")
    assert record.begun
    record.begun.host["libraries"] = {"onnxruntime": "1.32.0"}
    record.begun.model["origin"] = "/home/jane/models/best"
    told = json.dumps(transfer.whole(record))
    assert "jane" not in told
    again = transfer.parse(told.encode(), "run.json")
    assert again.slices == record.slices, "and it is a run that can be imported"
    monkeypatch.delenv("AWIY_HOSTED")
    assert "jane-laptop" in json.dumps(transfer.whole(record))
