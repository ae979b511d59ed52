"""The worker: a process that holds one loaded engine, answers with it and times it.

    python -m src.workers.worker FD PARENT_PID ENGINE_ID CPUS

Talks with its parent over the socket FD in frames of JSON (see wire.py), so that whatever a library prints
cannot disturb. Runs on Python 3.9 too, and in environments without the rest of this project's
libraries.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from src.errors import first_words
from src.process import die_with_parent, offer_to_oom_killer
from src.workers.own_use import OwnUse
from src.workers.repeats import Repeats, check, other_order
from src.workers.replies import Replies
from src.workers.verbs import VERBS, Answered, Loaded, Prepared, Replied, Timed, Told, Visited, WarmedUp
from src.workers.wire import receive, send
from src.workers.worker_facts import built_facts, flushes_denormals, openmp_libraries


def time_calls(
    call: Callable[..., Any],
    inputs: Sequence[Tuple[Any, ...]],
    count: int,
    offset: int,
    cap_s: Optional[float] = None,
    pace_s: float = 0.0,
) -> Tuple[List[int], Any]:
    """Return the nanoseconds of `count` calls over rotating inputs, beginning at `offset`, and the last
    answer.

    Fewer calls where they have taken `cap_s` seconds by then, but at least one. Each call is preceded by a
    pause of `pace_s` seconds outside the timer.
    """
    clock = time.perf_counter_ns
    deadline = clock() + (1 << 62 if cap_s is None else int(cap_s * 1e9))
    total = len(inputs)
    samples = []
    answer = None
    for index in range(offset, offset + count):
        if pace_s:
            time.sleep(pace_s)
        given = inputs[index % total]
        before = clock()
        answer = call(*given)
        after = clock()
        samples.append(after - before)
        if after > deadline:
            break
    return samples, answer


def warm_up(
    call: Callable[..., Any], inputs: Sequence[Tuple[Any, ...]], window: int, cap_s: float
) -> WarmedUp:
    """Call until the medians of two successive windows agree within 5 %, or until `cap_s` seconds have gone.

    The same rule for every engine and case. The tolerance is pyperf's for the quartiles of its warm-up test.
    """
    samples: List[int] = []
    deadline = time.monotonic() + cap_s
    previous = 0.0
    steady = False
    while not steady and (time.monotonic() < deadline or len(samples) < 2):
        part: List[int] = []
        while len(part) < window and (time.monotonic() < deadline or len(samples) + len(part) < 2):
            part += time_calls(call, inputs, 1, len(samples) + len(part))[0]
        samples += part
        median = sorted(part)[len(part) // 2] if part else previous
        steady = len(part) == window and previous > 0 and abs(median - previous) <= 0.05 * previous
        previous = median
    return WarmedUp(samples, steady)


class Worker:
    """The worker's state: its engine, its tokenizer, and the cases prepared so far."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.tokenizer: Any = None
        self.cases: Dict[str, Dict[str, List[Tuple[Any, ...]]]] = {}
        self.prepared_s: Dict[str, float] = {}
        self.repeats = Repeats()
        self.replies = Replies(engine)

    def load(self, artifact: str, tokenizer: str, threads: int) -> Loaded:
        """Load the engine; answer with its facts and how long it took."""
        from src.engines import options, text

        started = time.perf_counter()
        self.engine.load(artifact, threads)
        load_s = time.perf_counter() - started
        self.tokenizer = text.load_tokenizer(tokenizer)
        self.reader = text.load_reader(options.tokenizer(self.engine.spec), tokenizer, self.tokenizer)
        freeze()
        self.artifact = built_facts(artifact)
        return Loaded(load_s, self.facts().facts)

    def facts(self) -> Told:
        """Answer with what runs here: the engine's own facts, its artifact's, and this process's."""
        affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        facts = dict(
            self.engine.facts(),
            built=self.artifact,
            python=sys.version.split()[0],
            cpus=affinity,
            openmp=openmp_libraries(),
            flushes_denormals=flushes_denormals(),
            prepared_s=self.prepared_s,
        )
        return Told(facts)

    def prepare(self, case: str, texts: List[str], batch: int = 1, padded: int = 0) -> Prepared:
        """Tokenise a case's texts, which in batches must have equally many tokens; answer with their ids.

        There are as many inputs as texts: input number i holds the texts i, i + 1, … of the batch. Shorter
        ones are padded to `padded` tokens, for scope `model` alone.
        """
        from src.engines import text

        batches = [[texts[(turn + row) % len(texts)] for row in range(batch)] for turn in range(len(texts))]
        encodings = [self.tokenizer.encode(sentence) for sentence in texts]
        arrays = [text.encode(self.reader, rows) for rows in batches]
        text.check_encodings(texts, encodings, arrays)
        arrays = [text.pad(given, padded) for given in arrays]
        self.cases[case] = {"model": arrays, "pipeline": [(rows,) for rows in batches]}
        self.repeats.forget(case)
        self.make_ready()
        truncated = any(encoding.overflowing for encoding in encodings)
        return Prepared([given[0][0].tolist() for given in arrays], truncated)

    def make_ready(self) -> None:
        """Have the engine compile or build for the shapes of all cases, and note how long that took."""
        shapes = {given[0].shape for case in self.cases.values() for given in case["model"]}
        started = time.perf_counter()
        self.engine.prepare(sorted(shapes))
        seconds = time.perf_counter() - started
        for shape in shapes:
            self.prepared_s.setdefault("%d × %d" % shape, seconds)

    def pipeline(self, sentences: List[str]) -> List[int]:
        """Return the labels' indices for texts: tokenise, infer, softmax."""
        from src.engines import text

        logits = self.engine.infer(*text.encode(self.reader, sentences))
        return [row.index(max(row)) for row in text.probabilities(logits)]

    def call(self, scope: str) -> Callable[..., Any]:
        return self.engine.infer if scope == "model" else self.pipeline

    def infer(self, case: str, step: int = 1) -> Answered:
        """Answer with the checked logits of each text of every `step`-th input of a case, and the nanoseconds
        each call took. With the batch size as step each text is answered once.
        """
        inputs = self.cases[case]["model"]
        numbers = range(0, len(inputs), step)
        logits: Dict[int, List[List[float]]] = {}
        times = []
        for place in other_order(len(numbers)):
            number = numbers[place]
            given = inputs[self.repeats.place(case, number, len(inputs))]
            samples, answer = time_calls(self.engine.infer, [given], 1, 0)
            check(answer, given[0].shape[0])
            logits[number] = [[float(value) for value in row] for row in answer]
            times += samples
        self.repeats.note(case, logits)
        if len(inputs) == 1:
            self.repeats.note_another(case, inputs[0], self.engine.infer)
        return Answered([row for number in numbers for row in logits[number]], times)

    def reply(self, texts: List[str]) -> Replied:
        return self.replies.reply(self.reader, self.tokenizer, texts)

    def warm_up(self, case: str, scope: str, window: int, cap_s: float) -> WarmedUp:
        return warm_up(self.call(scope), self.cases[case][scope], window, cap_s)

    def slice(
        self,
        case: str,
        scope: str,
        lead_in: int,
        count: int,
        offset: int = 0,
        cap_s: Optional[float] = None,
        pace_s: float = 0.0,
    ) -> Timed:
        """Time one slice: untimed lead-in calls, then `count` timed ones, garbage collector off.

        The first timed call has input number `offset`; the lead-in ends before it. Answers with the
        nanoseconds of both, in their order, and what the process used meanwhile.
        """
        call, inputs = self.call(scope), self.cases[case][scope]
        begin = self.repeats.place(case, offset, len(inputs)) if scope == "model" else offset
        with collector_off():
            use = OwnUse()
            lead, _ = time_calls(call, inputs, lead_in, begin - lead_in, cap_s)
            samples, answer = time_calls(call, inputs, count, begin, cap_s, pace_s)
            used = use.since(paused_ns=int(pace_s * 1e9) * len(samples))
        arrays = self.cases[case]["model"]
        self.repeats.look_at(case, scope, offset + len(samples) - 1, answer, arrays)
        if scope == "model":
            self.repeats.turn(case, arrays)
        return Timed(samples, lead, used)

    def visit(self, case: str, lead_in: int, counts: List[Tuple[str, int]], last: bool = False) -> Visited:
        """Time both scopes after one lead-in, garbage collector off. `counts` are (scope, timed calls); after
        the `last` visit it is looked at whether the engine reads its input.

        The lead-in runs the whole pipeline. A scope begins with an untimed call of its own, as the last call
        may have been the other's.
        """
        timed = {}
        arrays = self.cases[case]["model"]
        with collector_off():
            lead, _ = time_calls(self.pipeline, self.cases[case]["pipeline"], lead_in, 0)
            for scope, count in counts:
                call, inputs = self.call(scope), self.cases[case][scope]
                time_calls(call, inputs, 1, 0)
                timed[scope], answer = time_calls(call, inputs, count, 0)
                self.repeats.look_at(case, scope, count - 1, answer, arrays)
        if last:
            self.repeats.compare_another(case, arrays[0], self.engine.infer)
        return Visited(lead, timed)


def freeze() -> None:
    """Have the collection before each slice visit objects only that are made from now on."""
    import gc

    gc.collect()
    gc.freeze()


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect garbage, then keep the collector off until the end."""
    import gc

    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def main(arguments: Sequence[str]) -> None:
    fd, parent, engine_id, cpus = arguments
    die_with_parent(int(parent))
    offer_to_oom_killer()
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(cpu) for cpu in cpus.split(",")])
    from src.engines import registry

    spec = registry.get(engine_id)
    worker = Worker(registry.engine_class(spec)(spec))
    verbs = {verb: getattr(worker, verb) for verb in VERBS}
    channel = socket.socket(fileno=int(fd))
    while True:
        message = receive(channel)
        if message is None:
            break
        verb = message.pop("do")
        try:
            answer = verbs[verb](**message)._asdict()
        except Exception as error:  # an engine may raise anything: the parent makes a failed row of it
            answer = {"error": "%s: %s" % (type(error).__name__, first_words(error)[:500])}
        send(channel, answer)
    worker.engine.close()


if __name__ == "__main__":
    main(sys.argv[1:])
