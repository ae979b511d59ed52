"""Many ask at once: the app's client and the measurer's process never wait for each other, and the queue has
an end.
"""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from src.host.lock import holder_now
from src.limits import limits
from src.live import measurer
from src.live.client import STOPPED, Client, Ticket
from src.live.measurer import AppGone, Measurer

pytestmark = pytest.mark.measuring

VISITORS = 500
CROWDS = {"emoji": "😀" * 1000, "long": "a fine film " * 75, "short": "A fine film."}
ROUNDS = int(os.environ.get("AWIY_SOAK_ROUNDS", "1"))  # make soak: 3
LOADING, QUICK = ["fake-loading-slowly"], ["fake-plausible"]  # the first takes 4 s to load
DEADLINE_S, REFUSED_WITHIN_S, STOPS_WITHIN_S = 60.0, 2.0, 5.0


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client whose measurer knows the fakes only. It is killed at the end, as it may hang."""
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    monkeypatch.setenv("AWIY_ENGINES", "fake-plausible,fake-loading-slowly")
    made = Client()
    yield made
    if made.process:
        made.process.kill()
    made.close()


def finished(ticket: Ticket, deadline_s: float = DEADLINE_S) -> bool:
    until = time.monotonic() + deadline_s
    while not ticket.done and time.monotonic() < until:
        ticket.wait(0.5)
    return ticket.done


def visit(client: Client, text: str, barrier: threading.Barrier) -> tuple[str, float]:
    """Ask one sentence; return how it ended and after how many seconds."""
    barrier.wait()
    began = time.monotonic()
    ticket = client.ask(text, QUICK)
    if not finished(ticket):
        return "nothing", time.monotonic() - began
    return ("answered" if ticket.answer else str(ticket.error)), time.monotonic() - began


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_crowd_is_answered_up_to_the_cap_and_told_beyond_it(client: Client, crowd: str, number: int):
    """All come while engines are loaded, which takes seconds."""
    first = client.ask("A fine film.", LOADING)
    barrier = threading.Barrier(VISITORS)
    with ThreadPoolExecutor(VISITORS) as people:
        visits = [people.submit(visit, client, CROWDS[crowd], barrier) for _ in range(VISITORS)]
        done, hanging = wait(visits, timeout=2 * DEADLINE_S)
        if hanging and client.process:
            client.process.kill()  # so that this test ends
    assert not hanging, f"{len(hanging)} of {VISITORS} were stuck in asking"
    ends = [visit.result() for visit in done]
    told = Counter(how for how, _ in ends)
    assert finished(first)
    assert first.answer
    assert told["answered"] >= limits().sentences >= 20
    refused = [seconds for how, seconds in ends if how != "answered"]
    assert {how for how in told if how != "answered"} == {
        f"{limits().sentences} sentences wait already, and no more may. Press “Measure” in half a minute."
    }
    assert max(refused) < REFUSED_WITHIN_S
    assert holder_now() == "", "the host is free"


def test_a_normal_stop_ends_soon_whatever_waits(client: Client):
    tickets = [client.ask("A fine film.", LOADING)]
    tickets += [client.ask(CROWDS["emoji"], QUICK) for _ in range(limits().sentences)]
    while not tickets[0].progress:  # the measurer runs
        tickets[0].wait(0.5)
    process = client.process
    assert process
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert process.poll() is not None
    assert {ticket.error for ticket in tickets} == {STOPPED}
    assert client.ask("A fine film.").error == "The app is being stopped."
    assert holder_now() == ""


def test_a_visitor_may_wait_with_a_few_sentences(client: Client):
    """A refused one is no longer counted, nor is one that was withdrawn."""
    most = limits().sentences_each
    tickets = [client.ask("A fine film.", LOADING, owner="somebody") for _ in range(most)]
    refused = client.ask("A fine film.", QUICK, owner="somebody")
    assert (
        refused.error
        == f"{most} sentences of yours wait already. Press “Measure” when they have been answered."
    )
    other = client.ask("A fine film.", QUICK, owner="somebody else")
    assert not other.error
    assert other.ahead == most
    client.forget(tickets[-1])
    assert not client.ask("A fine film.", QUICK, owner="somebody").error


def test_a_measurer_that_was_killed_is_started_again(client: Client):
    assert finished(client.ask("A fine film.", QUICK))
    assert client.process
    client.process.kill()
    client.process.wait()
    ticket = client.ask("A fine film.", QUICK)
    assert finished(ticket)
    assert ticket.answer, ticket.error


# --- the measurer's side


@pytest.fixture
def sides() -> Iterator[tuple[socket.socket, Measurer]]:
    """The app's end of a socket, and what listens at the other."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Measurer(theirs)


def unread(channel: socket.socket) -> list[dict]:
    """Return what has been told by now."""
    from src.workers.wire import receive

    channel.settimeout(0.05)
    told = []
    try:
        while message := receive(channel):
            told.append(message)
    except TimeoutError:
        return told
    return told


def test_all_that_has_come_is_heard_at_once(sides: tuple[socket.socket, Measurer]):
    from src.workers.wire import send

    app, hearing = sides
    for number in range(50):
        send(app, {"ask": str(number), "text": "A fine film."})
    send(app, {"forget": "7"})
    hearing.listen()
    assert [asked["ask"] for asked in hearing.queue] == [str(number) for number in range(50) if number != 7]


def test_a_place_is_told_when_it_changes_and_not_more_than_once_a_second(
    sides: tuple[socket.socket, Measurer], monkeypatch: pytest.MonkeyPatch
):
    from src.workers.wire import send

    app, telling = sides
    for number in range(20):
        send(app, {"ask": str(number), "text": "A fine film."})
        telling.listen()
    first = unread(app)
    assert [(one["id"], one["ahead"]) for one in first] == [("0", 0)], "the rest came within the second"
    monkeypatch.setattr(measurer, "PLACES_S", 0.0)
    telling.tell_places()
    assert [(one["id"], one["ahead"]) for one in unread(app)] == [(str(n), n) for n in range(1, 20)]
    telling.tell_places()
    assert unread(app) == [], "nothing has changed"
    telling.queue.popleft()
    telling.tell_places()
    assert len(unread(app)) == 19


def test_an_app_that_no_longer_reads_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """As one that was stopped (Ctrl-Z): it must not keep the host's lock from everybody."""
    monkeypatch.setattr(measurer, "UNREAD_S", 1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        telling = Measurer(theirs)

        def tell_all() -> None:
            for _ in range(100):
                telling.tell("a", "answer", answer={"text": "x" * 100_000})

        with pytest.raises(AppGone):
            tell_all()
