"""A run that does not move is named on Benchmark: to who watches it, waits behind it, or comes by."""

import pytest

from src.bench import plan
from src.jobs import queue
from src.jobs.job import Job
from src.limits import OUT_OF_ORDER
from src.store.database import Store
from src.ui import shell
from src.ui.format import plain
from tests.app.test_pages import page, store

__all__ = ["store"]  # a fixture

TOLD = "The run being measured was stopped from outside 27 s ago."


def warnings(**link: str) -> list[str]:
    return [one.value for one in page("benchmark", **link).warning]


@pytest.fixture
def stuck(store: Store, monkeypatch: pytest.MonkeyPatch) -> Job:
    job = queue.ask(store, plan.quick(), "embedded", 40.0, "click", "secret")
    queue.claim(store, "me")
    queue.begin(store, job.id, "me")
    monkeypatch.setattr(shell.supervisor(), "standstill", TOLD)
    return job


def test_everybody_is_told_once(store: Store, stuck: Job):
    waiting = queue.ask(store, plan.quick(), "embedded", 40.0, "another", "secret")
    for link in ({"job": stuck.id, "token": "secret"}, {"job": waiting.id}, {}):
        assert warnings(**link) == [plain(TOLD)], link


def test_strangers_are_not_told_of_processes(stuck: Job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    assert warnings(job=stuck.id) == [OUT_OF_ORDER]
