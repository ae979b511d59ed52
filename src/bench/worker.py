"""The worker: a process that holds one loaded engine, answers with it and times it.

    python -m src.bench.worker FD PARENT_PID ENGINE_ID CPUS

Talks with its parent over the socket FD in frames of JSON (see `send` and `receive`), so that whatever a
library prints cannot disturb. Runs on Python 3.9 too, and in environments without the rest of this project's
libraries.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
HEADER = struct.Struct("!I")
LONGEST_FRAME = 64 * 1024 * 1024


# --- frames, used by the parent as well
# -------------------------------------------------------------------------------


def send(channel: socket.socket, message: Dict[str, Any]) -> None:
    """Send one message: four bytes of length, then JSON."""
    body = json.dumps(message).encode()
    channel.sendall(HEADER.pack(len(body)) + body)


def receive(channel: socket.socket) -> Optional[Dict[str, Any]]:
    """Return the next message, or None when the other side is gone. Raises ValueError on what is no frame."""
    header = receive_exactly(channel, HEADER.size)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    if length > LONGEST_FRAME:
        raise ValueError("a frame of %d bytes was announced" % length)
    body = receive_exactly(channel, length)
    return None if body is None else json.loads(body)


def receive_exactly(channel: socket.socket, length: int) -> Optional[bytes]:
    parts = []
    while length:
        part = channel.recv(min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent's thread ends; end now if that has happened already.

    SIGKILL, because a stopped process does not notice a SIGTERM.
    """
    import ctypes
    import signal

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def offer_to_oom_killer() -> None:
    """Be the first that the kernel ends when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    except OSError:
        pass


# --- timing
# -----------------------------------------------------------------------------------------------------------


def time_calls(
    call: Callable[..., Any], inputs: Sequence[Tuple[Any, ...]], count: int, offset: int
) -> Tuple[List[int], Any]:
    """Return the nanoseconds of `count` calls over rotating inputs, beginning at `offset`, and the last
    answer.
    """
    clock = time.perf_counter_ns
    total = len(inputs)
    samples = []
    answer = None
    for index in range(offset, offset + count):
        given = inputs[index % total]
        before = clock()
        answer = call(*given)
        samples.append(clock() - before)
    return samples, answer


def warm_up(
    call: Callable[..., Any], inputs: Sequence[Tuple[Any, ...]], window: int, cap_s: float
) -> Dict[str, Any]:
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
    return {"ns": samples, "steady": steady}


class Worker:
    """The worker's state: its engine, its tokenizer, and the cases prepared so far."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.tokenizer: Any = None
        self.cases: Dict[str, Dict[str, List[Tuple[Any, ...]]]] = {}
        self.turn = 0

    def load(self, artifact: str, tokenizer: str, threads: int) -> Dict[str, Any]:
        """Load the engine; answer with its facts and how long it took."""
        import gc

        from src.engines import text

        started = time.perf_counter()
        self.engine.load(artifact, threads)
        load_s = time.perf_counter() - started
        self.tokenizer = text.load_tokenizer(tokenizer)
        gc.collect()
        gc.freeze()  # so that the collection before each slice visits new objects only
        affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        facts = dict(self.engine.facts(), python=sys.version.split()[0], cpus=affinity)
        return {"facts": facts, "load_s": load_s}

    def prepare(self, case: str, texts: List[str]) -> Dict[str, Any]:
        """Tokenise the case's texts; answer with the ids.

        A case replaces an older one, as memory is bounded.
        """
        from src.engines import text

        arrays = [text.encode(self.tokenizer, one) for one in texts]
        self.cases = {case: {"model": arrays, "pipeline": [(one,) for one in texts]}}
        truncated = any(bool(self.tokenizer.encode(one).overflowing) for one in texts)
        return {"ids": [given[0][0].tolist() for given in arrays], "truncated": truncated}

    def pipeline(self, sentence: str) -> int:
        """Return the label's index for a text: tokenise, infer, softmax."""
        from src.engines import text

        logits = self.engine.infer(*text.encode(self.tokenizer, sentence))
        return int(text.softmax(logits)[0].argmax())

    def call(self, scope: str) -> Callable[..., Any]:
        return self.engine.infer if scope == "model" else self.pipeline

    def infer(self, case: str) -> Dict[str, Any]:
        """Answer with the checked logits of each input of a case, and the nanoseconds each took."""
        logits = []
        times = []
        for given in self.cases[case]["model"]:
            samples, answer = time_calls(self.engine.infer, [given], 1, 0)
            check(answer, given[0].shape[0])
            logits.append([float(value) for value in answer[0]])
            times += samples
        return {"logits": logits, "ns": times}

    def warm_up(self, case: str, scope: str, window: int, cap_s: float) -> Dict[str, Any]:
        return warm_up(self.call(scope), self.cases[case][scope], window, cap_s)

    def slice(self, case: str, scope: str, lead_in: int, count: int) -> Dict[str, Any]:
        """Time one slice: untimed lead-in calls, then `count` timed ones, garbage collector off."""
        import gc

        call, inputs = self.call(scope), self.cases[case][scope]
        gc.collect()
        gc.disable()
        try:
            lead, _ = time_calls(call, inputs, lead_in, self.turn)
            samples, answer = time_calls(call, inputs, count, self.turn + lead_in)
        finally:
            gc.enable()
        self.turn += lead_in + count
        if scope == "model":
            check(answer, inputs[0][0].shape[0])
        return {"ns": samples, "lead_in_ns": sum(lead)}


def check(logits: Any, batch: int) -> None:
    """Raise ValueError unless logits are finite float32 [batch, 2]."""
    import numpy as np

    shape, dtype = getattr(logits, "shape", None), getattr(logits, "dtype", None)
    if shape != (batch, 2) or dtype != np.float32:
        raise ValueError("it answered %s of shape %s; expected float32 [%d, 2]" % (dtype, shape, batch))
    if not np.isfinite(logits).all():
        raise ValueError("its logits are not finite: %s" % logits.tolist())


def main(arguments: Sequence[str]) -> None:
    fd, parent, engine_id, cpus = arguments
    die_with_parent(int(parent))
    offer_to_oom_killer()
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(cpu) for cpu in cpus.split(",")])
    from src.engines import registry

    spec = registry.get(engine_id)
    worker = Worker(registry.engine_class(spec)(spec))
    channel = socket.socket(fileno=int(fd))
    while True:
        message = receive(channel)
        if message is None:
            break
        action = message.pop("do")
        try:
            answer = getattr(worker, action)(**message)
        except Exception as error:  # an engine may raise anything: the parent makes a failed row of it
            text = str(error).strip() or "no message"
            answer = {"error": "%s: %s" % (type(error).__name__, text.splitlines()[0][:500])}
        send(channel, answer)
    worker.engine.close()


if __name__ == "__main__":
    main(sys.argv[1:])
