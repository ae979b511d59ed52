"""The supervisor: starts each job of this host as a process of its own, and watches how it ends.

One thread in the app. A job does not need it: it outlives the app, and the next supervisor finds it again.
Several supervisors, of several apps on one home folder, do not disturb each other: the store decides.
"""

import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from src.home import ROOT, HomeError, home
from src.host import identity
from src.host.machine import APP_VARIABLE
from src.jobs import queue
from src.jobs.job import Job
from src.limits import limits
from src.store import retention, writing
from src.store.database import Store, StoreError, open_store

LOOK_S = 1.0
ORPHANS_S = 30.0  # how often runs are looked for whose writer was killed
TERM_AFTER_S, KILL_AFTER_S = 8.0, 20.0  # after a job was asked to end and has not
ENDING_S = 5.0  # a process that is ending counts as dead, and its threads may take a moment to go
HALTED_S = 10.0  # how long a stopped job may hold the database; who waits to write gives up after BUSY_S
STANDSTILL_S = 300.0  # without a word of progress, before that is told
KEPT_LOGS = 100
TAIL_BYTES = 8_000
COMMAND = (sys.executable, "-m", "src.jobs.measure")

log = logging.getLogger(__name__)


def log_path(job_id: str) -> Path:
    """Return where a job's output goes."""
    folder = home() / "jobs"
    folder.mkdir(exist_ok=True)
    return folder / f"{job_id}.log"


def log_tail(job_id: str, lines: int = 12) -> str:
    """Return the last lines a job printed; empty for none."""
    try:
        with open(log_path(job_id), "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return "\n".join(stream.read().decode(errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return ""


@dataclass(frozen=True)
class Moved:
    """When a job last moved (monotonic seconds): what it had told by then, and whether it was stopped."""

    sign: tuple[Any, ...]
    halted: bool
    at_s: float


def exit_code(child: subprocess.Popen[bytes]) -> int | None:
    """Return how a child ended that is ending or has; None where it does not come to its end."""
    try:
        return child.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        return None


def how_it_was_lost(job: Job, code: int | None) -> str:
    """Return why a job is lost, by how its process ended (None: nobody knows)."""
    by = f" by {signal.Signals(-code).name}" if code is not None and code < 0 else ""
    kept = " What it had measured is kept." if job.run_id else ""
    return f"Its process was ended{by} before it was done.{kept}"


def start_process(job_id: str, claimed_by: str, stream: BinaryIO) -> subprocess.Popen[bytes]:
    """Start the process that carries a job out; what it prints goes into the stream."""
    return subprocess.Popen(
        [*COMMAND, job_id, claimed_by],
        stdin=subprocess.DEVNULL,
        stdout=stream,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, APP_VARIABLE: str(os.getpid())},
        start_new_session=True,  # it outlives the app, and a Ctrl-C there is not for it
    )


def keep_house(store: Store) -> None:
    """End jobs that nobody can read, settle runs whose writer is gone, and keep no more runs than may be."""
    queue.end_unreadable(store)
    writing.settle_orphans(store)
    if (newest := limits().kept_runs) is not None:
        retention.prune(store, newest)


class Supervisor:
    """Looks at the queue once a second. `problem` is why it cannot, `standstill` which run does not move, for
    the page to show.
    """

    def __init__(self) -> None:
        self.me = f"{identity.own()}#{secrets.token_hex(4)}"  # another one in this process is another
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.asked: dict[str, float] = {}  # when a cancel was first seen, by this process's own clock
        self.termed: set[str] = set()  # a second SIGTERM would stop it in the middle of a slice
        self.moved: dict[str, Moved] = {}
        self.standstill = ""
        self.looked_for_orphans: float | None = None
        self.problem = ""
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.work, name="supervisor", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """End the thread; jobs go on."""
        self.done.set()
        self.thread.join()

    def work(self) -> None:
        while not self.done.wait(LOOK_S):
            try:
                self.look(open_store())
                self.problem = ""
            except (StoreError, HomeError) as error:
                self.problem = str(error)
            except Exception:
                log.exception("the supervisor could not look at the queue")
                self.problem = "The queue of runs cannot be worked on. The server's log tells why."

    def look(self, store: Store) -> None:
        """Do all that is due now. Raises StoreError, HomeError; the next look tries again."""
        for child in self.children.values():
            child.poll()
        active = queue.active(store)
        self.watch_movement(store, active)  # needs no writing: who stands still may hold the database
        for job in active:
            try:
                self.watch(store, job)
            except (StoreError, HomeError):
                raise
            except Exception:  # one job must not keep the others waiting
                log.exception("job %s could not be looked after", job.id)
        self.children = {id: child for id, child in self.children.items() if child.returncode is None}
        if not active and (claimed := queue.claim(store, self.me)):
            self.launch(store, claimed)
        now = time.monotonic()
        if self.looked_for_orphans is None or now - self.looked_for_orphans > ORPHANS_S:
            self.looked_for_orphans = now
            keep_house(store)

    def launch(self, store: Store, job: Job) -> None:
        """Start a claimed job's process. Where that cannot be done now the job waits on: raises HomeError."""
        try:
            path = log_path(job.id)
            old = sorted(path.parent.glob("*.log"), key=lambda log_file: log_file.stat().st_mtime)
            for log_file in old[:-KEPT_LOGS]:
                log_file.unlink(missing_ok=True)
            with open(path, "wb") as stream:
                self.children[job.id] = start_process(job.id, self.me, stream)
        except (OSError, HomeError) as error:
            queue.requeue(store, replace(job, claimed_by=self.me))
            if isinstance(error, HomeError):
                raise
            raise HomeError(
                f"The next run's process cannot be started ({error}). It is tried again."
            ) from error

    def watch_movement(self, store: Store, active: list[Job]) -> None:
        """See whether the active jobs get on, and end one that was stopped while it holds the database."""
        now = time.monotonic()
        self.moved = {job.id: moved for job in active if (moved := self.moved.get(job.id))}
        standstill = ""
        for job in active:
            sign = (job.state, job.progress, job.live)
            halted = bool(job.process and identity.stopped(job.process))
            last = self.moved.get(job.id)
            if last is None or last.sign != sign or last.halted != halted:
                last = self.moved[job.id] = Moved(sign, halted, now)
            still_s = now - last.at_s
            if halted and job.process:
                pid = identity.pid(job.process)
                if still_s > HALTED_S and store.locked():
                    log.error(
                        "job %s was stopped while it held the database: process %d is ended", job.id, pid
                    )
                    identity.kill(job.process)
                standstill = (
                    f"The run being measured was stopped from outside {still_s:.0f} s ago. Let it go on "
                    f"(kill -CONT {pid}), or cancel it."
                )
            elif still_s > STANDSTILL_S:
                standstill = (
                    f"The run being measured has told nothing for {still_s / 60:.0f} min. If that goes on, "
                    f"cancel it; its log, {log_path(job.id)}, may tell why."
                )
        self.standstill = standstill

    def watch(self, store: Store, job: Job) -> None:
        """See whether an active job's process lives, and help a cancel along."""
        if job.process is None:
            self.watch_start(store, job)
        elif not identity.alive(job.process):
            self.bury(store, job)
        elif job.cancel_asked:
            self.press(job)

    def watch_start(self, store: Store, job: Job) -> None:
        """A job that is claimed and whose process has not begun."""
        child = self.children.get(job.id)
        if job.claimed_by == self.me:
            if child is None or child.returncode is not None:
                how = "was never started" if child is None else f"ended with exit code {child.returncode}"
                queue.end(store, job.id, "failed", f"Its process {how}. {log_tail(job.id, 1)}".strip())
            elif job.cancel_asked:
                child.terminate()
        elif not (job.claimed_by and identity.alive(job.claimed_by.partition("#")[0])):
            if job.cancel_asked:
                queue.end(store, job.id, "cancelled")
            else:
                queue.requeue(store, job)

    def bury(self, store: Store, job: Job) -> None:
        """A job whose process is dead and told no end."""
        child = self.children.get(job.id)
        code = exit_code(child) if child else None
        last = log_tail(job.id, 1)
        if job.run_id:  # first, so that who sees the job's end sees its run's
            writing.settled(store, job.run_id)
        if code == 1 and last:  # it could not write its own end, and said why
            queue.end(store, job.id, "failed", last)
        else:
            queue.end(store, job.id, "lost", how_it_was_lost(job, code))

    def press(self, job: Job) -> None:
        """A job that was asked to end by a note in the store: after a while by a signal, then by force."""
        assert job.process
        since = time.monotonic() - self.asked.setdefault(job.id, time.monotonic())
        if since > KILL_AFTER_S:
            identity.kill(job.process)
        elif since > TERM_AFTER_S and job.id not in self.termed:
            self.termed.add(job.id)
            identity.kill(job.process, signal.SIGTERM)
