"""The host: which CPUs may be used, how much memory, and the facts that go with every number."""

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from src.model.recipe import cpu_flags

INFINITY_THREADS = 2  # Infinity's demo ran on two cores (OMP_NUM_THREADS=2)
CPU_FOLDER = Path("/sys/devices/system/cpu")
CGROUP = Path("/sys/fs/cgroup")


def read(path: Path) -> str | None:
    """Return a small file's text without its end of line, or None where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def siblings(cpu: int) -> str:
    """Return a name for the physical core of a logical CPU; its own number where the kernel does not tell."""
    return read(CPU_FOLDER / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu)


def allowed_cpus() -> list[int]:
    """Return the logical CPUs this process may use: its affinity, one per physical core first."""
    cpus = (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else list(range(os.cpu_count() or 1))
    )
    seen: set[str] = set()
    first: list[int] = []
    for cpu in cpus:
        if siblings(cpu) not in seen:
            seen.add(siblings(cpu))
            first.append(cpu)
    return first + [cpu for cpu in cpus if cpu not in first]


def quota_cpus() -> float | None:
    """Return the cgroup's CPU quota in CPUs, or None without one."""
    limit = (read(CGROUP / "cpu.max") or "").split()
    return int(limit[0]) / int(limit[1]) if len(limit) == 2 and limit[0] != "max" else None


def usable_cpus() -> int:
    """Return how many threads this host can run at once: affinity and cgroup quota, at least one."""
    quota = quota_cpus()
    count = len(allowed_cpus())
    return count if quota is None else max(1, min(count, int(quota)))


def default_threads() -> int:
    """Return two, as in Infinity's demo, or one where only one CPU is usable."""
    return min(INFINITY_THREADS, usable_cpus())


def available_mb() -> float:
    """Return the memory that could be taken now in MB: the system's, or what the cgroup's limit leaves if
    less.
    """
    free = psutil.virtual_memory().available
    limit, used = read(CGROUP / "memory.max"), read(CGROUP / "memory.current")
    if limit and used and limit != "max":
        free = min(free, max(0, int(limit) - int(used) + page_cache(read(CGROUP / "memory.stat") or "")))
    return free / 1e6


def page_cache(statistics: str) -> int:
    """Return the bytes of file pages in a cgroup's memory.stat: counted as used, given back when needed."""
    fields = dict(line.split() for line in statistics.splitlines() if len(line.split()) == 2)
    return int(fields.get("inactive_file", 0)) + int(fields.get("active_file", 0))


def pss_mb(pid: int) -> float:
    """Return a process's proportional set size in MB, or its resident size where the kernel has no PSS."""
    memory = psutil.Process(pid).memory_full_info()
    return float(getattr(memory, "pss", 0) or memory.rss) / 1e6


def cpu_seconds(cpus: list[int]) -> tuple[float, float]:
    """Return the CPU seconds used on these CPUs by all processes, and those stolen by the hypervisor,
    since boot.
    """
    used = stolen = 0.0
    for cpu, times in enumerate(psutil.cpu_times(percpu=True)):
        if cpu in cpus:
            steal = getattr(times, "steal", 0.0)
            idle = times.idle + getattr(times, "iowait", 0.0)
            # guest time is counted in user time as well
            guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
            used += sum(times) - idle - steal - guest
            stolen += steal
    return used, stolen


@lru_cache
def facts() -> dict[str, Any]:
    """Return what this host is; a fact that cannot be read is left out."""
    cpus = allowed_cpus()
    found: dict[str, Any] = {
        "name": platform.node(),
        "cpu": cpu_model(),
        "cpu_flags": list(cpu_flags()),
        "allowed_cpus": len(cpus),
        "physical_cores": len({siblings(cpu) for cpu in cpus}),
        "cgroup_cpus": quota_cpus(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "virtualised": "hypervisor" in (read(Path("/proc/cpuinfo")) or ""),
        "governor": read(CPU_FOLDER / "cpu0" / "cpufreq" / "scaling_governor"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    return {name: value for name, value in found.items() if value is not None}


def cpu_model() -> str:
    """Return the CPU's marketing name as the kernel gives it."""
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
