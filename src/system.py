"""What this program needs of a machine, told before anything is installed.

    python3 src/system.py

Runs on Python 3.7 and newer; says nothing where all is well. Elsewhere: one sentence, and exit code 1.
"""

from __future__ import annotations

import platform
import sys

NEEDS = "Linux on x86-64 and Python 3.11, 3.12 or 3.13"
OLDEST, NEWEST = (3, 11), (3, 13)


def trouble(system: str, machine: str, version: tuple[int, int]) -> str:
    """Return why this program cannot run on such a machine; empty where it can."""
    if system != "Linux" or machine.lower() not in ("x86_64", "amd64"):
        return f"Are We Infinity Yet? needs {NEEDS}; this machine is {system} on {machine}."
    if not OLDEST <= version <= NEWEST:
        return (
            f"Are We Infinity Yet? needs {NEEDS}; this is Python {version[0]}.{version[1]}. "
            "Install Python 3.11 and run: make app"
        )
    return ""


def trouble_here() -> str:
    """Return why this program cannot run here; empty where it can."""
    return trouble(platform.system(), platform.machine(), sys.version_info[:2])


if __name__ == "__main__":
    sys.exit(trouble_here() or 0)
