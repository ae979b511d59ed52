"""Making an environment in a process of its own, for a page: only a process's main thread starts workers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from src.bench.environments import EnvironmentFailed
from src.home import ROOT

COMMAND = (sys.executable, "-m", "src", "envs", "create", "--json")
TELL_S = 0.5  # how often it is told that time passes
STOP_S = 5.0  # for a command that was told to stop


def create_apart(name: str, tell: Callable[[float], None]) -> None:
    """Make an environment by the command that does; `tell` is given the seconds since its start meanwhile.

    Where `tell` raises, as a page does that somebody left, the command is stopped; the environment stays
    unfinished then, and is made from the beginning the next time. Raises EnvironmentFailed.
    """
    began_s = time.monotonic()
    with subprocess.Popen(
        [*COMMAND, name],
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
    if process.returncode:
        raise EnvironmentFailed(reason(printed, process.returncode))


def stop(process: "subprocess.Popen[str]") -> None:
    """Have a command end as Ctrl-C does, which takes what it started with it; kill one that does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def reason(printed: str, code: int) -> str:
    """Return why the command failed, by the JSON that it printed."""
    try:
        state = json.loads(printed)
    except ValueError:
        return f"Its command ended with exit code {code}. To see why: python -m src doctor"
    if "error" in state:
        return str(state["error"])
    failed = [f"{engine}: {why}" for engine, why in state["failed"].items()]
    return "; ".join([*([state["trouble"]] if state["trouble"] else []), *failed])
