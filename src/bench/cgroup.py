"""The limits of the control groups that this process is in: CPU quota and memory.

Version 2 of the kernel's interface (Documentation/admin-guide/cgroup-v2.rst). A limit of any group around a
process binds it, so the tightest one counts: a service of systemd has its own below the mount's root.
"""

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def folders() -> list[Path]:
    """Return the folders of this process's group and of all around it, innermost first, as far as they can be
    seen from here.
    """
    lines = [line for line in read(OWN).splitlines() if line.startswith("0::")]
    parts = lines[0].removeprefix("0::").split("/") if lines else []
    inner = ROOT.joinpath(*(part for part in parts if part not in ("", "..")))
    return [folder for folder in (inner, *inner.parents) if folder.is_relative_to(ROOT)]


def quota_cpus() -> float | None:
    """Return the CPU quota in CPUs, or None without one."""
    limits = [read(folder / "cpu.max").split() for folder in folders()]
    quotas = [int(limit[0]) / int(limit[1]) for limit in limits if len(limit) == 2 and limit[0] != "max"]
    return min(quotas, default=None)


def memory_left() -> int | None:
    """Return how many bytes the memory limits leave, or None without one."""
    left = []
    for folder in folders():
        limit, used = read(folder / "memory.max"), read(folder / "memory.current")
        if limit.isdigit() and used.isdigit():
            left.append(max(0, int(limit) - int(used) + page_cache(read(folder / "memory.stat"))))
    return min(left, default=None)


def page_cache(statistics: str) -> int:
    """Return the bytes of file pages in a memory.stat: counted as used, given back when needed."""
    fields = dict(line.split() for line in statistics.splitlines() if len(line.split()) == 2)
    return int(fields.get("inactive_file", 0)) + int(fields.get("active_file", 0))


def throttled_periods() -> int | None:
    """Return in how many periods a CPU quota was used up, or None without one."""
    counts = []
    for folder in folders():
        fields = dict(line.split() for line in read(folder / "cpu.stat").splitlines() if " " in line)
        if "nr_throttled" in fields:
            counts.append(int(fields["nr_throttled"]))
    return sum(counts) if counts else None
