"""Building in an isolated environment: its Python does the work, this process waits for it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from src import environments
from src.facts import Facts
from src.home import ROOT
from src.model import ModelError, isolated

ISOLATED = Path(isolated.__file__).parent
TIMEOUT_S = 600.0


def build(environment: str, module: str, function: str, checkpoint: Path, folder: Path) -> Facts:
    """Have `src.model.isolated.MODULE.FUNCTION` fill a folder; return the facts that it told.

    Raises ModelError when the environment cannot be used, or with the last line of what it printed.
    """
    trouble = environments.trouble(environment)
    if trouble:
        raise ModelError(f"{trouble.reason} {trouble.remedy}")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as facts:
        command = [environments.interpreter(environment), "-m", "src.model.isolated", str(os.getpid())]
        done = subprocess.run(
            [*command, module, function, str(checkpoint), str(folder), facts.name],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
        sys.stdout.write(done.stdout)  # into the builder's log
        if done.returncode:
            lines = done.stdout.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
            raise ModelError(f"Its environment “{environment}” could not build it: {lines[-1][:300]}")
        return json.loads(facts.read())


def needs_environment(name: str, module: str) -> Facts:
    """Return a recipe's arguments: where it is made and the code that shapes it."""
    return {"environment": name, "sources": (ISOLATED / f"{module}.py", Path(__file__))}
