"""A command that takes minutes and shares the host's lock, and stands still while a sentence goes first."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from src.host.giving_way import GivingWay
from src.host.lock import HostLock

LOOK_S = 0.25  # how often it is looked whether a sentence waits
LAST_LINES = 8


class CommandFailed(Exception):
    """A command failed. The message has its own last words."""


def run(command: list[str], listen: Callable[[str], object], lock: HostLock) -> None:
    """Run a command and have `listen` told each line of its output. Raises CommandFailed.

    Should this process be killed, the command still has the lock's file: the next one waits until it has
    ended, and does not work on the same folder.
    """
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    give_way = GivingWay(lock)
    last: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean,
        pass_fds=[lock.fd],
        start_new_session=True,  # so that all of it can be stopped
    ) as process:

        def meanwhile() -> None:
            if give_way.due():
                os.killpg(process.pid, signal.SIGSTOP)
                try:
                    give_way.now()
                finally:
                    os.killpg(process.pid, signal.SIGCONT)

        assert process.stdout
        try:
            for line in lines(process.stdout, meanwhile):
                listen(line)
                last = [*last, line.strip()][-LAST_LINES:] if line.strip() else last
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        errors = [line for line in last if line.startswith("ERROR")] or last[-1:] or ["it said nothing"]
        raise CommandFailed(f"{' '.join(command[1:4])} failed: {errors[-1][:300]}")


def lines(stream: IO[bytes], meanwhile: Callable[[], None]) -> Iterator[str]:
    """Yield the lines of a stream until its end; `meanwhile` is called at least every LOOK_S."""
    rest = b""
    while True:
        meanwhile()
        if not select.select([stream], [], [], LOOK_S)[0]:
            continue
        part = os.read(stream.fileno(), 65536)
        if not part:
            break
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode(errors="replace") + "\n" for line in whole)
    if rest:
        yield rest.decode(errors="replace")
