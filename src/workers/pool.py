"""The pool: owns the workers, lets one of them run at a time, keeps them warm within a memory budget.

Workers are spawned by the main thread of a measurer only: the kernel's parent-death signal fires when the
spawning thread ends.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from src import environments
from src.engines.registry import EXTRA_VARIABLE
from src.engines.spec import EngineSpec
from src.home import ROOT, home
from src.host import machine
from src.limits import hosted
from src.workers.handle import Handle, NoRoom, WorkerFailed
from src.workers.wire import Message, receive, send

log = logging.getLogger(__name__)
MEMORY_SHARE = 0.6  # of what is available, for all workers together
LOAD_TIMEOUT_S = 180.0
CALL_TIMEOUT_S = 30.0
UNTIMED = ("load", "prepare")  # some engines compile in both
LOOK_S = 0.5  # how often a worker's memory is looked at while it works
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", EXTRA_VARIABLE)
# What a download needs behind a proxy or on a mirror; kept for a builder that fetches from the hub only.
NETWORK_VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"),
    *("HF_ENDPOINT", "HF_TOKEN", "HF_HOME"),
)
LOST = getattr(select, "POLLRDHUP", 0) | select.POLLHUP  # the other side of a socket is gone
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def clean_environment(threads: int | None, offline: bool = True) -> dict[str, str]:
    """Return the environment of a child: the few variables kept, threads as asked, no hub if offline."""
    names = KEPT_VARIABLES if offline else KEPT_VARIABLES + NETWORK_VARIABLES
    kept = {name: os.environ[name] for name in names if name in os.environ}
    kept["AWIY_HOME"] = str(home())  # resolved here: what it depends on is not all kept
    kept.update(TOKENIZERS_PARALLELISM="false", PYTHONNOUSERSITE="1", PYTHONUTF8="1", PYTHONUNBUFFERED="1")
    if offline:
        kept.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    if threads:
        kept.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    return kept


def log_tail(path: Path) -> str:
    """Return the last line a child printed, for the reason of its failure; not where strangers read it."""
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    if lines and hosted():
        log.error("a child's last line: %s", lines[-1][:300])
        return ""
    return f"Its last line: {lines[-1][:300]}" if lines else ""


def how_it_ended(worker: Handle, error: Exception) -> str:
    """Return in words how a worker ended, or that its answer is none."""
    try:
        code = worker.process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return f"Its answer could not be read ({error})."
    tail = log_tail(worker.log)
    if code < 0:
        name = signal.Signals(-code).name
        hint = " The host may have run out of memory." if code == -signal.SIGKILL else ""
        return f"Its process was ended by {name}.{hint} {tail}".strip()
    return f"Its process ended with exit code {code}. {tail}".strip()


def logs() -> Path:
    """Return the folder of the workers' logs, without those of measurers that were killed."""
    folder = home() / "logs"
    folder.mkdir(exist_ok=True)
    for log in folder.glob("*-*.log"):
        owner = log.stem.rpartition("-")[2]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            log.unlink(missing_ok=True)
    return folder


def start_process(
    spec: EngineSpec, threads: int, channel: socket.socket, log: Path
) -> subprocess.Popen[bytes]:
    """Start an engine's process on as many CPUs as it has threads. It talks over the channel, and whatever
    its libraries print is in the log.
    """
    assert threading.current_thread() is threading.main_thread(), (
        "workers are spawned by the main thread only"
    )
    environments.note_use(spec.environment)
    cpus = ",".join(map(str, machine.allowed_cpus()[:threads]))
    program = [environments.interpreter(spec.environment), "-m", "src.workers.worker"]
    with open(log, "wb") as stream:
        return subprocess.Popen(
            [*program, str(channel.fileno()), str(os.getpid()), spec.id, cpus],
            pass_fds=[channel.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=clean_environment(threads),
            start_new_session=True,  # a terminal's Ctrl-C is for the measurer
        )


class Pool:
    """All workers of one measurer.

    `listen` is how somebody else reaches the measurer: (file descriptor, callback when it can be read).
    """

    def __init__(self, listen: tuple[int, Callable[[], None]] | None = None) -> None:
        self.workers: dict[str, Handle] = {}
        self.listen = listen

    def wait(self, fd: int, timeout_s: float | None = None, events: int = select.POLLIN) -> bool:
        """Sleep until `fd` can be read or the time is over; tell which.

        Calls back for `events` of `listen` meanwhile: what came in, or with LOST only that nobody is there.
        """
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if self.listen:
            poll.register(self.listen[0], events)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = [descriptor for descriptor, _ in poll.poll(None if left is None else left * 1000)]
            if self.listen and self.listen[0] in ready:
                self.listen[1]()
            if fd in ready:
                return True
            if left == 0.0:
                return False

    def pause(self, seconds: float) -> None:
        """Sleep for a while, or until `listen` has been called back."""
        if not self.listen:
            time.sleep(seconds)
        elif select.select([self.listen[0]], [], [], seconds)[0]:
            self.listen[1]()

    def budget_mb(self) -> float:
        """Return how much memory the workers may take together."""
        taken_mb = sum(worker.pss_mb for worker in self.workers.values())
        return MEMORY_SHARE * (machine.available_mb() + taken_mb)

    def is_warm(self, spec: EngineSpec, artifact: Path | None, threads: int, key: str = "") -> bool:
        """Tell whether a live worker has just this loaded."""
        worker = self.workers.get(key or spec.id)
        return bool(worker and worker.token == (str(artifact), threads) and worker.process.poll() is None)

    def get(
        self,
        spec: EngineSpec,
        artifact: Path | None,
        tokenizer: Path,
        threads: int,
        keep: set[str],
        key: str = "",
    ) -> Handle:
        """Return a stopped worker with this engine loaded: a warm one, or a new one.

        `key` is its name in the pool, the engine's id by default. Others than `keep` are evicted, least
        recently used first, when memory runs short. Raises WorkerFailed, and NoRoom where even that is not
        enough.
        """
        key = key or spec.id
        if not self.is_warm(spec, artifact, threads, key):
            self.drop(key)
            worker = self.spawn(spec, key, (str(artifact), threads))
            loaded = worker.load(str(artifact), str(tokenizer), threads)
            worker.facts, worker.load_s = loaded.facts, loaded.load_s
            worker.pss_mb = machine.pss_mb(worker.process.pid)
            self.make_room(worker, keep)
        worker = self.workers[key]
        worker.used = time.monotonic()
        return worker

    def make_room(self, newest: Handle, keep: set[str]) -> None:
        """Evict until the workers fit the budget; raise NoRoom when only the newest is left to go."""
        budget = self.budget_mb()
        while sum(worker.pss_mb for worker in self.workers.values()) > budget:
            idle = [
                worker for key, worker in self.workers.items() if key not in keep and worker is not newest
            ]
            if not idle:
                self.drop(newest.key)
                raise NoRoom(
                    f"It takes {newest.pss_mb:.0f} MB, and all engines together may take {budget:.0f} MB "
                    f"here. Choose fewer engines."
                )
            self.drop(min(idle, key=lambda worker: worker.used).key)

    def spawn(self, spec: EngineSpec, key: str, token: tuple[str, int]) -> Handle:
        ours, theirs = socket.socketpair()
        log = logs() / f"{key}-{os.getpid()}.log"
        with theirs:
            process = start_process(spec, token[1], theirs, log)
        return self.workers.setdefault(key, Handle(spec, key, token, process, ours, log, self.ask))

    def ask(self, worker: Handle, message: Message, timeout_s: float | None = None) -> Message:
        """Let this worker alone run, until it has answered.

        Raises WorkerFailed, and drops the worker if it is lost.
        """
        if self.listen:
            self.pause(0.0)  # what came in is heard now: not while a worker may be timing
        limit_mb = self.budget_mb()  # read now, as reading it takes CPU from what is timed
        try:
            worker.resume()
            send(worker.channel, message)
            usual_s = LOAD_TIMEOUT_S if message["do"] in UNTIMED else CALL_TIMEOUT_S
            self.await_answer(worker, timeout_s or usual_s, limit_mb, message["do"] in UNTIMED)
            answer = receive(worker.channel)
            if answer is None:
                raise EOFError
            worker.stop()
            if "error" in answer:
                raise WorkerFailed(answer["error"])
        except (OSError, EOFError, ValueError) as error:
            reason = how_it_ended(worker, error)
            self.drop(worker.key)
            raise WorkerFailed(reason) from error
        except WorkerFailed:
            self.drop(worker.key)
            raise
        return answer

    def await_answer(self, worker: Handle, timeout_s: float, limit_mb: float, hears: bool) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.wait(worker.channel.fileno(), LOOK_S, select.POLLIN if hears else LOST):
            if time.monotonic() > deadline:
                raise WorkerFailed(f"It did not answer within {timeout_s:.0f} s and was ended.")
            try:
                taken = psutil.Process(worker.process.pid).memory_info().rss / 1e6
            except psutil.Error:
                continue
            if taken > limit_mb:
                raise WorkerFailed(
                    f"It took {taken:.0f} MB of memory, more than the {limit_mb:.0f} MB allowed, "
                    "and was ended."
                )

    def drop(self, key: str) -> None:
        """End one worker."""
        worker = self.workers.pop(key, None)
        if worker:
            worker.end()
            worker.log.unlink(missing_ok=True)

    def close(self) -> None:
        """End all workers."""
        for key in list(self.workers):
            self.drop(key)
