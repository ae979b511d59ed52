"""The processes of hot loops (see hot_loop.py): loaded and stopped, but for the one that is asked."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from tokenizers import Tokenizer

from src import environments
from src.doctor import hot_loop
from src.doctor.continuous import Disturbed, HotFigure, Loop, LoopFailed
from src.doctor.fidelity_ratios import Key
from src.engines import registry
from src.engines.spec import EngineSpec
from src.home import ROOT
from src.host import evidence, machine
from src.host.evidence import Counters, read_counters, slowdowns
from src.host.lock import HostLock, host_lock
from src.host.probe import Probe, Speed
from src.model import ModelError, cache, source
from src.progress import telling_who_waits
from src.workers.building import CHECKPOINT, build_artifacts
from src.workers.pool import Pool, clean_environment
from src.workers.wire import Message

PROGRAM = ROOT / "src" / "doctor" / "hot_loop.py"
# Rows whose runtime is another's and whose call is not.
LOADER_OF_CLASS = {
    "TorchCompileEngine": "torch_compile",
    "StaticCompileEngine": "torch_static",
    "OneDnnEngine": "onednn",
    "OpenVinoProviderEngine": "onnxruntime_openvino",
    "OpenVinoDynamicEngine": "openvino_dynamic",
}
WARM_UP_S = 0.5  # of each length and scope, once
SETTLE_S = 0.4  # of untimed calls before each timed loop: others ran before it
REPEATS = 2  # of a loop in a disturbed moment
LOAD_TIMEOUT_S, VISIT_TIMEOUT_S = 300.0, 60.0
PROBES = 40  # at first, of 1 ms each: the best twentieth of all is how fast the CPUs are undisturbed
QUIET_S, QUIET_LOOK_S = 2.0, 0.02  # how long a loop waits for slowed CPUs

Tell = Callable[[str], None]


def loader(spec: EngineSpec) -> str:
    """Return which of hot_loop.LOADERS an engine needs."""
    return LOADER_OF_CLASS.get(spec.implementation.partition(":")[2], spec.runtime)


def covered(spec: EngineSpec) -> bool:
    """Tell whether there is a hot loop for this engine."""
    return spec.device == "cpu" and spec.recipe is not None and loader(spec) in hot_loop.LOADERS


def lock(tell: Tell) -> AbstractContextManager[HostLock]:
    return host_lock("hot loops", telling_who_waits(lambda step: tell(step.text)))


def build(engines: tuple[str, ...], model: source.ModelSource, tell: Tell) -> None:
    """Build what is missing of what the engines load. Raises ModelError where that fails."""
    specs = [registry.get(id) for id in engines]
    with lock(tell):
        failures = build_artifacts(specs, model, lambda step: tell(step.text), Pool().wait)
    if failures:
        raise ModelError("; ".join(f"{failure.engine}: {failure.reason}" for failure in failures))


class HotLoop:
    """One process, stopped but while it is asked. Only for a main thread: it ends with that."""

    def __init__(self, environment: str, request: Message) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self.unread = b""
        self.process = subprocess.Popen(
            [environments.interpreter(environment), "-I", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=ROOT,
            env=clean_environment(request["threads"]),
            start_new_session=True,  # a terminal's Ctrl-C is for the parent
        )
        try:
            self.label = self.ask({**request, "parent": os.getpid()}, LOAD_TIMEOUT_S)["label"]
        except BaseException:
            self.end()
            raise

    def ask(self, message: Message, timeout_s: float) -> Message:
        """Let the process run until it has answered, and stop it. Raises LoopFailed."""
        assert self.process.stdin
        try:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
            answer: Message = json.loads(self.read_line(timeout_s))
            os.kill(self.process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        except (OSError, EOFError, ValueError) as error:
            raise LoopFailed(self.how_it_ended()) from error
        return answer

    def read_line(self, timeout_s: float) -> bytes:
        """Return the next line of its output. Raises EOFError where there is none, TimeoutError."""
        assert self.process.stdout
        fd = self.process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self.unread:
            if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            part = os.read(fd, 65536)
            if not part:
                raise EOFError
            self.unread += part
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def how_it_ended(self) -> str:
        try:
            code = self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return "It did not answer in time and was ended."
        self.errors.seek(0)
        last = (self.errors.read().decode(errors="replace").strip().splitlines() or ["It said nothing."])[-1]
        return f"It ended with exit code {code}: {last[:300]}"

    def end(self) -> None:
        """Kill and reap the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream:
                with suppress(OSError):  # what it was still to be told
                    stream.close()


class HotLoops:
    """The hot loops of some engines, each timed for `seconds`. Only for a main thread that holds the host's
    lock. Their processes stay in memory from `load` to `unload`; `close` ends the probe, too.
    """

    def __init__(
        self,
        model: source.ModelSource,
        threads: int,
        seconds: float = 1.0,
        settle_s: float = SETTLE_S,
        warm_up_s: float = WARM_UP_S,
    ) -> None:
        self.model = model
        self.threads = threads
        self.seconds, self.settle_s, self.warm_up_s = seconds, settle_s, warm_up_s
        self.cpus = machine.allowed_cpus()[:threads]
        self.probe = Probe(self.cpus)
        self.speeds: list[Speed] = []
        self.counter: Tokenizer | None = None
        self.running: dict[str, Loop] = {}
        self.failures: dict[str, str] = {}  # reasons by engine

    @property
    def tokenizer(self) -> Path:
        return cache.required(CHECKPOINT, self.model).folder / "tokenizer.json"

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, [CLS] and [SEP] left out."""
        self.counter = self.counter or Tokenizer.from_file(str(self.tokenizer))
        return len(self.counter.encode(text, add_special_tokens=False).ids)

    def load(
        self, engines: Iterable[str], texts: Mapping[int, tuple[str, ...]], scopes: tuple[str, ...]
    ) -> None:
        """End all processes and start one for each engine, which loads and warms up for `texts`, by their
        token count, in each scope. One that fails is in `failures`.
        """
        self.take({})
        for engine in engines:
            spec = registry.get(engine)
            assert spec.recipe, f"{engine} has no file to load"
            request = {
                "runtime": loader(spec),
                "precision": spec.precision,
                "folder": str(cache.required(spec.recipe, self.model).folder),
                "tokenizer": str(self.tokenizer),
                "threads": self.threads,
                "cpus": self.cpus,
                "texts": texts,
                "scopes": scopes,
                "warm_up_s": self.warm_up_s,
            }
            try:
                self.running[engine] = HotLoop(spec.environment, request)
            except LoopFailed as failure:
                self.failures[engine] = str(failure)

    def take(self, running: dict[str, Loop]) -> None:
        """End all processes; these loops take their place."""
        self.unload()
        self.speeds = self.speeds or [self.probe.measure() for _ in range(PROBES)]
        self.running = running

    def visit_ms(self, cell: Key, reasons: dict[Key, str]) -> float | None:
        """Return what a loop took; None, with the reason in `reasons`, where there is no figure."""
        try:
            return self.visit(*cell).median_ms
        except (LoopFailed, Disturbed) as error:
            reasons[cell] = str(error)
            return None

    def visit(self, engine: str, length: int, scope: str) -> HotFigure:
        """Run one loop; again where the host was disturbed. Raises LoopFailed, Disturbed."""
        kinds: set[str] = set()
        for _ in range(1 + REPEATS):
            figure, kinds = self.attempt(engine, length, scope)
            if not kinds:
                return figure
        raise Disturbed(f"The host stayed disturbed ({', '.join(sorted(kinds))}).")

    def attempt(self, engine: str, length: int, scope: str) -> tuple[HotFigure, set[str]]:
        """Return what one loop took, and what disturbed it."""
        if engine in self.failures:
            raise LoopFailed(self.failures[engine])
        loop = self.running[engine]
        message = {"length": length, "scope": scope, "settle_s": self.settle_s, "seconds": self.seconds}
        before = self.settled()
        try:
            counters, used_s = read_counters(self.cpus), machine.process_cpu_s(loop.process.pid)
            answer = loop.ask(message, self.settle_s + self.seconds + VISIT_TIMEOUT_S)
            used_s = machine.process_cpu_s(loop.process.pid) - used_s
        except LoopFailed as failure:
            self.failures[engine] = str(failure)
            self.running.pop(engine).end()
            raise
        kinds = disturbances(counters, read_counters(self.cpus), used_s, self.threads)
        after = self.look()
        for speed in (before, after):
            kinds |= set(slowdowns(speed, self.reference))
        return HotFigure(answer["median_ns"] / 1e6, answer["p05_ns"] / 1e6, answer["calls"]), kinds

    def unload(self) -> None:
        """End all processes."""
        while self.running:
            self.running.popitem()[1].end()
        self.failures = {}

    def close(self) -> None:
        self.unload()
        self.probe.close()

    def look(self) -> Speed:
        """Probe the CPUs."""
        speed = self.probe.measure()
        self.speeds.append(speed)
        return speed

    @property
    def reference(self) -> Speed:
        """Return the best twentieth of all probes so far: the CPUs when nothing slows them."""
        aparts = sorted(speed.apart_ns for speed in self.speeds if speed.apart_ns is not None)
        loops_us = sorted(speed.loop_us for speed in self.speeds)
        return Speed(aparts[len(aparts) // 20] if aparts else None, loops_us[len(loops_us) // 20])

    def settled(self) -> Speed:
        """Wait a moment for the CPUs to be undisturbed; return the last probe."""
        speed = self.look()
        deadline = time.monotonic() + QUIET_S
        while slowdowns(speed, self.reference) and time.monotonic() < deadline:
            time.sleep(QUIET_LOOK_S)
            speed = self.look()
        return speed


def disturbances(before: Counters, after: Counters, loop_s: float, threads: int) -> set[str]:
    """Return what the kernel counted between two readings that a loop, which took `loop_s` of the CPU, and
    this process did not do: others, steal, throttled, overheated.
    """
    seconds = after.at_s - before.at_s
    others_s = after.busy_s - before.busy_s - (after.own_s - before.own_s) - loop_s
    kinds = {
        "others": others_s / seconds > evidence.OTHERS_LIMIT_CORES,
        "steal": (after.steal_s - before.steal_s) / seconds > evidence.STEAL_LIMIT_CORES * threads,
        "throttled": bool(evidence.difference(after.throttled, before.throttled)),
        "overheated": bool(evidence.difference(after.overheated, before.overheated)),
    }
    return {kind for kind, there in kinds.items() if there}
