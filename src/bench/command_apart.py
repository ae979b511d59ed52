"""One of the project's commands in a process of its own, for a page: only a main thread starts workers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from src.home import ROOT

COMMAND = (sys.executable, "-m", "src")
TELL_S = 0.5  # how often it is told that time passes
STOP_S = 5.0  # for a command that was told to stop


class Done(NamedTuple):
    """How a command ended: its exit code, and the JSON that it printed; None where it printed none."""

    code: int
    told: Any

    @property
    def error(self) -> str:
        """Return what went wrong, in the command's words."""
        if isinstance(self.told, dict) and "error" in self.told:
            return str(self.told["error"])
        return f"Its command ended with exit code {self.code}. To see why: python -m src doctor"


def run(arguments: Sequence[str], tell: Callable[[float], None]) -> Done:
    """Run a command that prints JSON; `tell` is given the seconds since its start meanwhile.

    Where `tell` raises, as a page does that somebody left, the command is stopped.
    """
    began_s = time.monotonic()
    with subprocess.Popen(
        [*COMMAND, *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            while True:
                try:
                    printed, _ = process.communicate(timeout=TELL_S)
                    break
                except subprocess.TimeoutExpired:
                    tell(time.monotonic() - began_s)
        except BaseException:
            stop(process)
            raise
    try:
        return Done(process.returncode, json.loads(printed))
    except ValueError:
        return Done(process.returncode, None)


def stop(process: "subprocess.Popen[str]") -> None:
    """Have a command end as Ctrl-C does, which takes what it started with it; kill one that does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
