"""The app's side of the measurer: ask from any thread, wait for the answer, never measure in this process."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from queue import SimpleQueue

from src.home import ROOT
from src.host.machine import APP_VARIABLE
from src.limits import limits
from src.workers.wire import Message, receive, send

STOPPED = "The measuring process ended. Measure again; if that repeats, run: python -m src doctor"
STOPPING = "The app is being stopped."
END_S = 3.0  # that a measurer may take to end


@dataclass
class Ticket:
    """One question to the measurer.

    Its fields are written by the client's thread and read by whoever asked.
    """

    id: str
    owner: str | None = None
    ahead: int = 0
    progress: Message | None = None
    answer: Message | None = None
    error: str | None = None
    changed: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> bool:
        return self.answer is not None or self.error is not None

    def wait(self, timeout_s: float) -> bool:
        """Sleep until something has changed since the last call, at most so long; tell whether it has."""
        changed = self.changed.wait(timeout_s)
        self.changed.clear()
        return changed


def refusal(tickets: Collection[Ticket], owner: str | None) -> str:
    """Return why one more question beside these is refused; empty where it is not."""
    caps = limits()
    theirs = sum(ticket.owner == owner for ticket in tickets)
    if len(tickets) > caps.sentences:  # one of them is being measured
        return f"{caps.sentences} sentences wait already, and no more may. Press “Measure” in half a minute."
    if owner is not None and theirs >= caps.sentences_each:
        return f"{theirs} sentences of yours wait already. Press “Measure” when they have been answered."
    return ""


class Client:
    """Starts the measurer when it is first needed, and again when it has ended.

    Questions go into an outbox, which a thread of its own sends: nobody waits for the measurer to read while
    holding the lock that what it tells needs.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tickets: dict[str, Ticket] = {}
        self.channel: socket.socket | None = None
        self.outbox: SimpleQueue[Message | None] = SimpleQueue()
        self.process: subprocess.Popen[bytes] | None = None
        self.closed = False

    def ask(
        self,
        text: str,
        engines: list[str] | None = None,
        threads: int | None = None,
        owner: str | None = None,
    ) -> Ticket:
        """Queue one sentence and return its ticket, which is refused where too many wait already: of all, or
        of this owner.

        What is far too long for an answer is cut before it is sent.
        """
        kept = text[: limits().characters + 1]
        return self.queue({"text": kept, "engines": engines, "threads": threads}, owner)

    def build(self, engine: str, anew: bool = False) -> Ticket:
        """Queue the building of one engine's artifact and return the ticket; its answer is {} when done."""
        return self.queue({"build": engine, "anew": anew})

    def queue(self, question: Message, owner: str | None = None) -> Ticket:
        """Put one question into the outbox."""
        ticket = Ticket(uuid.uuid4().hex, owner=owner)
        with self.lock:
            if self.process and self.process.poll() is not None:
                self.lose()  # its end may not have been read yet
            ticket.error = STOPPING if self.closed else refusal(self.tickets.values(), owner) or None
            if ticket.error:
                ticket.changed.set()
                return ticket
            if self.channel is None:
                self.start()
            ticket.ahead = len(self.tickets)
            self.tickets[ticket.id] = ticket
            self.outbox.put({"ask": ticket.id, **question})
        return ticket

    def forget(self, ticket: Ticket) -> None:
        """Withdraw a question whose answer nobody waits for any more."""
        with self.lock:
            if self.tickets.pop(ticket.id, None) and self.channel:
                self.outbox.put({"forget": ticket.id})

    def close(self) -> None:
        """End the measurer, whatever is queued, within END_S; its workers end with it."""
        with self.lock:
            self.closed = True
            process = self.process
            self.lose()
        if process:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self) -> None:
        """Start a measurer, and the threads that send to it and read from it. Needs the lock."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "src.live.measurer", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env={**os.environ, APP_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )
        self.channel = ours
        self.outbox = SimpleQueue()
        for work, arguments in ((self.write, (ours, self.outbox)), (self.read, (ours, self.process))):
            threading.Thread(target=work, args=arguments, name="measurer", daemon=True).start()

    def write(self, channel: socket.socket, outbox: "SimpleQueue[Message | None]") -> None:
        """Send what is in the outbox until None is, or nobody is there, which the reading thread finds."""
        with contextlib.suppress(OSError):
            while (message := outbox.get()) is not None:
                send(channel, message)

    def read(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        while True:
            try:
                message = receive(channel)
            except (OSError, ValueError):
                message = None
            if message is None:
                break
            with self.lock:
                self.take(message)
        with self.lock:
            if self.channel is channel:
                self.lose()
        channel.close()
        process.wait()

    def lose(self) -> None:
        """The measurer has ended, or is to: tell everybody who waits. Needs the lock."""
        if self.channel:
            with contextlib.suppress(OSError):
                self.channel.shutdown(socket.SHUT_RDWR)
        self.channel = self.process = None
        self.outbox.put(None)
        for ticket in self.tickets.values():
            ticket.error = STOPPED
            ticket.changed.set()
        self.tickets.clear()

    def take(self, message: Message) -> None:
        ticket = self.tickets.get(message.pop("id"))
        event = message.pop("event")
        if ticket is None:
            return
        if event == "queued":
            ticket.ahead = message["ahead"]
        elif event == "progress":
            ticket.ahead = 0
            ticket.progress = message
        elif event == "answer":
            ticket.answer = message["answer"]
        else:
            ticket.error = message["message"]
        if ticket.done:
            del self.tickets[ticket.id]
        ticket.changed.set()
