"""The home page's measurer: a child of the app that keeps engines warm and measures one sentence after the
other.

    python -m src.live.measurer FD

Talks frames of JSON over the socket FD and ends when the other side closes it, which the kernel does however
the app ends. Asked {ask, text, engines, threads}, {ask, build, anew}, {forget}; tells {id, event: queued |
progress | answer | error, …}.
"""

import logging
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import Any

from src.bench import sentence
from src.engines import registry
from src.errors import Explained
from src.host.lock import host_lock
from src.limits import OUT_OF_ORDER, hosted, limits, told
from src.model import ModelError, cache, source
from src.progress import Progress, telling_who_waits
from src.workers import building
from src.workers.pool import Pool
from src.workers.wire import Message, receive, send

PLACES_S = 1.0
# Longer than any living app leaves unread what it is told. Then this process ends, and lets the host go.
UNREAD_S = 30
log = logging.getLogger(__name__)


class AppGone(BaseException):
    """The app has closed its side.

    A BaseException, so that nothing on the way takes it for a failed engine.
    """


class Forgotten(Exception):
    """Whoever asked for the sentence being measured does not want it any more."""


class Measurer:
    """The queue of sentences, and the pool that measures them."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", UNREAD_S, 0))
        self.queue: deque[Message] = deque()
        self.current: str | None = None
        self.unwanted = False  # whoever asked for the current sentence has withdrawn
        self.places: dict[str, int] = {}  # as last told
        self.told_at = -PLACES_S
        self.pool = Pool((channel.fileno(), self.listen))

    def listen(self) -> None:
        """Take every message that has come from the app; wait for the first.

        Raises AppGone when there is nobody, or nobody that can be understood.
        """
        more = True
        while more:
            self.take()
            more = bool(select.select([self.channel], [], [], 0.0)[0])
        self.tell_places()

    def take(self) -> None:
        """Take one message. Raises AppGone."""
        try:
            message = receive(self.channel)
        except (OSError, ValueError) as error:
            raise AppGone from error
        if message is None:
            raise AppGone
        if "forget" in message:
            self.unwanted = self.unwanted or message["forget"] == self.current
            self.queue = deque(question for question in self.queue if question["ask"] != message["forget"])
        else:
            self.queue.append(message)

    def tell(self, id: str, event: str, **more: Any) -> None:
        try:
            send(self.channel, {"id": id, "event": event, **more})
        except OSError as error:
            raise AppGone from error

    def tell_progress(self, step: Progress) -> None:
        """Tell how far the current sentence is.

        Raises Forgotten when nobody wants it, unless an artifact is being built.
        """
        if self.unwanted and step.stage != "build":
            raise Forgotten
        self.tell_places()
        self.tell(self.current or "", "progress", **asdict(step))

    def tell_places(self) -> None:
        """Tell those who wait how many are before them, where that has changed; at most once in PLACES_S."""
        if time.monotonic() - self.told_at < PLACES_S:
            return
        self.told_at = time.monotonic()
        before = int(self.current is not None)
        places = {question["ask"]: place + before for place, question in enumerate(self.queue)}
        for id, ahead in places.items():
            if self.places.get(id) != ahead:
                self.tell(id, "queued", ahead=ahead)
        self.places = places

    def run(self) -> None:
        """Serve until the app is gone."""
        while True:
            while not self.queue:
                self.listen()
            question = self.queue.popleft()
            self.current, self.unwanted = question["ask"], False
            self.tell_places()
            self.serve(question)
            self.current = None

    def serve(self, question: Message) -> None:
        id = question["ask"]
        self.tell_progress(Progress("start", "Measuring"))
        try:
            done = self.build(question) if "build" in question else self.answer(question)
        except Forgotten:
            log.info("a sentence was withdrawn")
        except Explained as error:
            self.tell(id, "error", message=told(error))
        except Exception as error:
            log.exception("a sentence could not be measured")
            failed = f"The measurement failed ({type(error).__name__}: {error}). Try again."
            self.tell(id, "error", message=OUT_OF_ORDER if hosted() else failed)
        else:
            self.tell(id, "answer", answer=done)

    def answer(self, question: Message) -> Message:
        """Measure one sentence; return the answer's JSON."""
        threads = question["threads"]
        return sentence.answer(
            self.pool, question["text"], question["engines"], source.parse(), threads, self.tell_progress
        ).to_json()

    def build(self, question: Message) -> Message:
        """Build one engine's artifact, again if asked so; return nothing more than that it is there.

        Raises ModelError with the reason when it could not be built, or not here.
        """
        if not limits().changes:
            raise ModelError(building.NOT_BUILT)
        spec = registry.get(question["build"])
        missing = registry.availability(spec)
        if missing:
            raise ModelError(f"{missing.reason} {missing.remedy}")
        model = source.parse()
        with host_lock("building an artifact", telling_who_waits(self.tell_progress), self.pool.pause):
            if question["anew"] and spec.recipe:
                self.pool.drop(spec.id)
                cache.discard(spec.recipe, model)
            failures = building.build_artifacts([spec], model, self.tell_progress, self.pool.wait)
        if failures:
            raise ModelError(failures[0].reason)
        return {}


def main() -> None:
    logging.basicConfig(level=os.environ.get("AWIY_LOG", "WARNING").upper(), stream=sys.stderr)
    channel = socket.socket(fileno=int(sys.argv[1]))
    measurer = Measurer(channel)
    try:
        measurer.run()
    except AppGone:
        pass
    finally:
        measurer.pool.close()


if __name__ == "__main__":
    main()
