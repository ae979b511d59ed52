"""The app's side of the measurer: ask from any thread, wait for the answer, never measure in this process."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from src.bench.wire import receive, send
from src.home import ROOT
from src.limits import limits

STOPPED = "The measuring process ended. Measure again; if that repeats, run: python -m src doctor"


@dataclass
class Ticket:
    """One question to the measurer.

    Its fields are written by the client's thread and read by whoever asked.
    """

    id: str
    ahead: int = 0
    progress: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
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


class Client:
    """Starts the measurer when it is first needed, and again when it has ended."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tickets: dict[str, Ticket] = {}
        self.channel: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def ask(
        self,
        text: str,
        engines: list[str] | None = None,
        threads: int | None = None,
    ) -> Ticket:
        """Queue one sentence and return its ticket.

        What is far too long for an answer is cut before it is sent.
        """
        kept = text[: limits().characters + 1]
        return self.queue({"text": kept, "engines": engines, "threads": threads})

    def build(self, engine: str, anew: bool = False) -> Ticket:
        """Queue the building of one engine's artifact and return the ticket; its answer is {} when done."""
        return self.queue({"build": engine, "anew": anew})

    def queue(self, asked: dict[str, Any]) -> Ticket:
        """Send one question."""
        ticket = Ticket(uuid.uuid4().hex)
        message = {"ask": ticket.id, **asked}
        with self.lock:
            if self.channel is None:
                self.start()
            self.tickets[ticket.id] = ticket
            try:
                self.send(message)
            except OSError:  # it ended since it was last asked
                del self.tickets[ticket.id]
                self.fail_all()
                self.start()
                self.tickets[ticket.id] = ticket
                self.send(message)
        return ticket

    def forget(self, ticket: Ticket) -> None:
        """Withdraw a question whose answer nobody waits for any more."""
        with self.lock:
            if self.tickets.pop(ticket.id, None) and self.channel:
                # Where the measurer has ended, the question has ended with it.
                with contextlib.suppress(OSError):
                    self.send({"forget": ticket.id})

    def close(self) -> None:
        """End the measurer; its workers end with it."""
        with self.lock:
            if self.channel:
                self.channel.shutdown(socket.SHUT_RDWR)
            process = self.process
        if process:
            process.wait()

    def send(self, message: dict[str, Any]) -> None:
        assert self.channel
        send(self.channel, message)

    def start(self) -> None:
        """Start a measurer and the thread that reads from it. Needs the lock."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "src.bench.measurer", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ.copy(),
                start_new_session=True,
            )
        self.channel = ours
        threading.Thread(target=self.read, args=(ours, self.process), name="measurer", daemon=True).start()

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
                self.channel = None
                self.fail_all()
            channel.close()
        process.wait()

    def fail_all(self) -> None:
        """Tell everybody who waits that the measurer has ended. Needs the lock."""
        for ticket in self.tickets.values():
            ticket.error = STOPPED
            ticket.changed.set()
        self.tickets.clear()

    def take(self, message: dict[str, Any]) -> None:
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
