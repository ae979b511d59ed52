"""A bundle as one file for a page, made in a process of its own."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from src.bench import command_apart
from src.bench.field import Objective
from src.bundle.runtimes import NoBundle

USUAL_S = 25.0  # as seen on two cores


def zipped(search: str, lengths: Objective, engine: str, tell: Callable[[float], None]) -> bytes:
    """Return a bundle as a zip of one folder; `tell` is given the seconds since the start meanwhile. Raises
    NoBundle.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / f"bundle-{search}"
        asked = ("--seq-len", ",".join(map(str, lengths)), "--engine", engine)
        done = command_apart.run(("bundle", search, str(folder), *asked), tell)
        if done.code:
            raise NoBundle(done.error)
        path = shutil.make_archive(str(folder), "zip", scratch, folder.name)
        return Path(path).read_bytes()
