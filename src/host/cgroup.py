"""The limits of the control groups that this process is in: CPU quota and memory.

Version 2 of the kernel's interface (Documentation/admin-guide/cgroup-v2.rst). A limit of any group around a
process binds it, so the tightest one counts: a service of systemd has its own below the mount's root.
"""

from functools import lru_cache
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def read(path: Path) -> str | None:
    """Return a small file's text without its end of line, or None where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def numbers(path: Path) -> dict[str, int]:
    """Return the numbers of a file of `name value` lines; none where it cannot be read."""
    lines = [line.split() for line in (read(path) or "").splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


def folders() -> tuple[Path, ...]:
    """Return the folders of this process's group and of all around it, innermost first, as far as they can be
    seen from here.
    """
    return folders_of(ROOT, OWN)


@lru_cache(maxsize=8)  # limits are read around every slice, and a process stays where it is
def folders_of(root: Path, own: Path) -> tuple[Path, ...]:
    lines = [line for line in (read(own) or "").splitlines() if line.startswith("0::")]
    parts = lines[0].removeprefix("0::").split("/") if lines else []
    inner = root.joinpath(*(part for part in parts if part not in ("", "..")))
    return tuple(folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def quota_cpus() -> float | None:
    """Return the CPU quota in CPUs, or None without one."""
    limits = [(read(folder / "cpu.max") or "").split() for folder in folders()]
    quotas = [int(limit[0]) / int(limit[1]) for limit in limits if len(limit) == 2 and limit[0] != "max"]
    return min(quotas, default=None)


def memory_left() -> int | None:
    """Return how many bytes the memory limits leave, or None without one."""
    left = []
    for folder in folders():
        limit, used = read(folder / "memory.max"), read(folder / "memory.current")
        if limit and used and limit != "max":
            pages = numbers(folder / "memory.stat")  # those of files are counted as used, and given back
            cached = pages.get("inactive_file", 0) + pages.get("active_file", 0)
            left.append(max(0, int(limit) - int(used) + cached))
    return min(left, default=None)


def throttled_periods() -> int | None:
    """Return in how many periods a CPU quota was used up, or None without one."""
    counts = [numbers(folder / "cpu.stat").get("nr_throttled") for folder in folders()]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
