"""A child that prints one JSON document."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class NothingTold(Exception):
    """The child printed no JSON. The message says why, as the end of a sentence about it."""


def ask(command: Sequence[str], folder: Path, environment: Mapping[str, str], most_s: float) -> Any:
    """Return the JSON that a command prints in a folder, whatever its exit code. Raises NothingTold."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=most_s,
        )
    except subprocess.TimeoutExpired as error:
        raise NothingTold(f"did not end within {most_s:.0f} s.") from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip() or "nothing was printed.").splitlines()[-1]
        raise NothingTold(f"did not run to its end: {last}") from error
