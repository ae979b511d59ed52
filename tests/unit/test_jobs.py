"""The queue of jobs: who is taken, in which order, and what each may."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from src.host import identity
from src.jobs import queue
from src.jobs.job import Job
from src.limits import HOSTED
from src.store.database import Store
from tests.jobs import a_plan, ask, home, store, supervised

__all__ = ["home", "store", "supervised"]  # fixtures
pytestmark = pytest.mark.usefixtures("fakes")


def test_a_double_click_is_one_job(store: Store):
    with ThreadPoolExecutor(8) as people:
        jobs = list(people.map(lambda _: ask(store, click="one"), range(16)))
    assert {job.id for job in jobs} == {jobs[0].id}
    assert len(queue.waiting(store)) == 1


def test_twenty_people_at_once_each_get_their_own_place(store: Store):
    with ThreadPoolExecutor(20) as people:
        jobs = list(people.map(lambda number: ask(store, click=f"c{number}", owner=f"p{number}"), range(20)))
    places = sorted(queue.place(store, job).before for job in jobs)
    assert places == list(range(20))
    waits = {queue.place(store, job).before: queue.place(store, job).wait_s for job in jobs}
    assert all(waits[before] == pytest.approx(5.0 * before) for before in range(20))


def test_caps_hold_when_twenty_come_at_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOSTED", "1")

    def one(number: int) -> Job | str:
        try:
            return ask(store, click=f"c{number}", owner=f"p{number}")
        except queue.Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(20) as people:
        found = list(people.map(one, range(20)))
    taken = [job for job in found if isinstance(job, Job)]
    assert len(taken) == HOSTED.waiting
    assert all("Try again in some minutes" in text for text in found if isinstance(text, str))
    queue.cancel(store, taken[0].id, f"token of c{taken[0].owner[1:]}")  # type: ignore[index]
    with pytest.raises(queue.Refused, match="You have a run"):
        ask(store, owner=taken[1].owner)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget_s": 1000.0}, "at most 120 s"),
        ({"sequence_lengths": tuple(range(8, 200))}, "at most 60 are taken"),
    ],
)
def test_a_hosted_plan_is_capped_where_the_work_is_done(
    store: Store, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    with pytest.raises(queue.Refused, match=words):
        ask(store, a_plan(**changes))
    assert not queue.waiting(store)


def test_only_who_asked_may_cancel(store: Store):
    job = ask(store, click="mine", owner="me@example.org")
    for token, user in ((None, None), ("wrong", None), (None, "you@example.org"), ("", "")):
        with pytest.raises(queue.NotYours):
            queue.cancel(store, job.id, token, user)
    assert queue.get(store, job.id).state == "queued"  # type: ignore[union-attr]
    queue.cancel(store, job.id, None, "me@example.org")
    assert queue.get(store, job.id).state == "cancelled"  # type: ignore[union-attr]
    with_token = ask(store, click="token", owner="me@example.org")
    queue.cancel(store, with_token.id, "token of token")
    assert queue.get(store, with_token.id).state == "cancelled"  # type: ignore[union-attr]


def test_an_end_is_final(store: Store):
    job = ask(store)
    assert queue.end(store, job.id, "failed", "first")
    for state in queue.ENDS:
        assert not queue.end(store, job.id, state, "second")
    queue.tell(store, job.id, progress={"stage": "late"})
    found = queue.get(store, job.id)
    assert found
    assert (found.state, found.reason, found.progress) == ("failed", "first", None)


def test_a_job_begins_once_however_often_it_is_started(store: Store):
    ask(store)
    me = identity.own()
    job = queue.claim(store, me)
    assert job
    assert queue.claim(store, me) is None, "one at a time"
    with ThreadPoolExecutor(8) as starts:
        begun = list(starts.map(lambda _: queue.begin(store, job.id, me), range(8)))
    assert sum(one is not None for one in begun) == 1


def test_a_plan_that_cannot_be_carried_out_is_not_queued(store: Store):
    from src.bench.plan import BadPlan

    with pytest.raises(BadPlan, match="from 8 to 512"):
        ask(store, a_plan(sequence_lengths=(4,)))
    assert not queue.waiting(store)
