"""Artifacts on demand: a builder process makes what is missing, and tells how far it is."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from src.home import ROOT, home
from src.model import cache
from src.model import recipe as recipes
from src.model.source import ModelSource
from src.workers.pool import clean_environment, log_tail
from src.workers.wire import Message

BUILD_TIMEOUT_S = (
    900.0  # for one artifact; the slowest takes 12 s here, a download of the hub's 90 MB may take longer
)


@dataclass(frozen=True)
class BuildStep:
    """Progress of building: artifact number `step` of `total` is being made."""

    title: str
    step: int
    total: int


def missing(names: list[str], model: ModelSource) -> list[recipes.Recipe]:
    """Return the recipes whose artifacts are absent or damaged, needs included, in building order.

    An artifact that is sound does not need its own needs any more.
    """
    wanted = [name for name in names if not cache.find(recipes.find(name), model, verify=True)]
    return [recipe for recipe in recipes.with_needs(wanted) if not cache.find(recipe, model, verify=True)]


def ensure(
    names: list[str],
    model: ModelSource,
    progress: Callable[[BuildStep], None],
    wait: Callable[[int, float], bool],
    between: Callable[[], str] = lambda: "",
) -> dict[str, str]:
    """Build what is missing; return the reason of each recipe that failed.

    `wait(fd, seconds)` must tell whether `fd` can be read by then. A builder that dies or gives no sign for
    BUILD_TIMEOUT_S fails the recipe it was at; the others go on in a new one. `between` is called before each
    recipe, while nothing is built; what it returns, unless empty, is why no more are. Spawns processes, so
    only a measurer's main thread may call it.
    """
    left = {recipe.name: recipe for recipe in missing(names, model)}
    total = len(left)
    failed: dict[str, str] = {}
    while left:
        current = next(iter(left))
        with Builder(list(left), model) as builder:
            for message in builder.messages(wait):
                current = message["recipe"]
                if message["state"] == "next":
                    if ended := between():
                        return failed | dict.fromkeys(left, ended)
                    progress(BuildStep(message["title"], total - len(left) + 1, total))
                    builder.go_on()
                    continue
                del left[current]
                if message["state"] == "failed":
                    failed[current] = message["reason"]
        if left:
            left.pop(current, None)
            failed[current] = builder.how_it_ended()
    return failed


class Builder:
    """One builder process at work on a list of recipes; ended when the block is left."""

    def __init__(self, names: list[str], model: ModelSource) -> None:
        self.log = home() / "logs" / "builder.log"
        self.log.parent.mkdir(exist_ok=True)
        self.hung = False
        self.reader, writer = os.pipe()
        command = [
            sys.executable,
            "-m",
            "src.workers.builder",
            str(writer),
            str(os.getpid()),
            model.to_text(),
        ]
        try:
            with open(self.log, "wb") as stream:
                self.process = subprocess.Popen(
                    command + names,
                    pass_fds=[writer],
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                    env=clean_environment(None, offline=model.kind != "hub"),
                    start_new_session=True,
                )
        finally:
            os.close(writer)

    def go_on(self) -> None:
        """Let it begin the recipe that it told."""
        assert self.process.stdin
        with suppress(OSError):  # it is gone: the end of its messages tells
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()

    def messages(self, wait: Callable[[int, float], bool]) -> Iterator[Message]:
        """Yield what the builder tells, until it ends or has been silent for too long."""
        rest = b""
        while True:
            if not wait(self.reader, BUILD_TIMEOUT_S):
                self.hung = True
                return
            part = os.read(self.reader, 65536)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from map(json.loads, lines)

    def how_it_ended(self) -> str:
        if self.hung:
            how = f"The builder gave no sign for {BUILD_TIMEOUT_S:.0f} s and was ended."
        else:
            how = f"The builder ended early (exit {self.process.returncode})."
        return f"{how} {log_tail(self.log)}".strip()

    def __enter__(self) -> "Builder":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.reader)
        try:
            self.process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()
