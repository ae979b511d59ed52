"""An engine's worker as what a server asks: loaded once, then spoken to while others wait."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from src.bench import inputs
from src.bench.sitting import Sitting
from src.engines.spec import EngineSpec
from src.engines.text import load_tokenizer
from src.errors import Explained
from src.facts import Facts
from src.host import giving_way
from src.host.lock import host_lock
from src.model import source
from src.progress import Progress, telling_who_waits
from src.serve.desk import Answers, Unanswered
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import LOAD_TIMEOUT_S, Pool
from src.workers.verbs import Replied
from src.workers.wire import HEADER, Message

WARM_UP_TOKENS = (16, 128)
WARM_UP_CALLS = 20  # of each length


class NotServed(Explained):
    """An engine cannot be served. The message says why."""


@dataclass(frozen=True)
class Loaded:
    """An engine that is loaded in its worker, texts to warm it up with, and which label is positive."""

    worker: Handle
    texts: tuple[str, ...]
    positive_index: int
    about: Facts


def load(
    pool: Pool,
    spec: EngineSpec,
    model: source.ModelSource,
    threads: int,
    progress: Callable[[Progress], None],
) -> Loaded:
    """Load an engine, building first what it loads. Takes the host's lock until it is loaded, as measuring
    does: serving takes the CPUs only while it answers. Raises NotServed, ModelError, LockError.
    """
    with host_lock("loading an engine to serve", telling_who_waits(progress), pool.pause) as lock:
        sitting = Sitting(pool, model, threads, giving_way.before(progress, lock))
        try:
            checkpoint, worker = sitting.alone(spec)
        except WorkerFailed as error:
            raise NotServed(f"{spec.title} cannot be served: {error}") from error
    count_tokens = inputs.counter(load_tokenizer(str(checkpoint.folder / "tokenizer.json")))
    texts = [inputs.compose(tokens, count_tokens, 0, 4) for tokens in WARM_UP_TOKENS]
    identity = worker.fingerprint
    about = {
        "name": spec.id,
        "version": (identity.artifact or identity.model)[:16],
        "platform": spec.title,
        "model": {"name": model.name, "fingerprint": identity.model},
        "artifact": identity.artifact,
        "threads": threads,
        "engine": worker.facts,
    }
    facts = checkpoint.manifest["facts"]
    return Loaded(worker, tuple(text for some in texts for text in some), facts["positive_index"], about)


class WorkerClassifier:
    """What a server asks: the engine's worker, which is never stopped from now on."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.reader: asyncio.StreamReader | None = None

    async def warm_up(self) -> None:
        """Ask texts of each length for a while. Raises Unanswered."""
        channel = self.loaded.worker.channel
        channel.setblocking(False)
        self.reader, self.writer = await asyncio.open_connection(sock=channel)
        self.loaded.worker.resume()
        texts = self.loaded.texts
        for number in range(WARM_UP_CALLS * len(WARM_UP_TOKENS)):
            await self.infer([texts[number % len(texts)]])

    async def infer(self, texts: Sequence[str]) -> Answers:
        """Return the answers to texts. Raises Unanswered."""
        replied = Replied(**await self.ask({"do": "reply", "texts": list(texts)}))
        positive = self.loaded.positive_index
        return Answers(
            [(row[1 - positive], row[positive]) for row in replied.probabilities],
            replied.tokens,
            replied.truncated,
            replied.tokenization_ns / 1e9,
            replied.inference_ns / 1e9,
        )

    async def ask(self, message: Message) -> Message:
        """Return the worker's answer to a message. Raises Unanswered."""
        assert self.reader
        body = json.dumps(message).encode()
        self.writer.write(HEADER.pack(len(body)) + body)
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                (length,) = HEADER.unpack(await self.reader.readexactly(HEADER.size))
                answer: Message = json.loads(await self.reader.readexactly(length))
        except TimeoutError as error:
            late = f"The engine did not answer within {LOAD_TIMEOUT_S:.0f} s."
            raise Unanswered(f"{late} Start the server again.", lost=True) from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Unanswered("The engine's process ended. Start the server again.", lost=True) from error
        if "error" in answer:
            raise Unanswered(f"The engine failed: {answer['error']}")
        return answer
