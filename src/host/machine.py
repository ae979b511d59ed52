"""The host: which CPUs may be used, how much memory, and the facts that go with every number."""

import os
import platform
import subprocess
import time
from functools import lru_cache
from pathlib import Path

import psutil

from src import libraries
from src.engines import gpu
from src.facts import Facts
from src.home import ROOT
from src.host import cgroup
from src.host.cgroup import read
from src.model.recipe import cpu_flags

INFINITY_THREADS = 2  # Infinity's demo ran on two cores (OMP_NUM_THREADS=2)
APP_VARIABLE = "AWIY_APP"  # the app's process id, for what it starts
CPU_FOLDER = Path("/sys/devices/system/cpu")


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


def usable_cpus() -> int:
    """Return how many threads this host can run at once: affinity and cgroup quota, at least one."""
    quota = cgroup.quota_cpus()
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
    left = cgroup.memory_left()
    return (free if left is None else min(free, left)) / 1e6


def pss_mb(pid: int) -> float:
    """Return a process's proportional set size in MB, or its resident size where the kernel has no PSS."""
    memory = psutil.Process(pid).memory_full_info()
    return float(getattr(memory, "pss", 0) or memory.rss) / 1e6


def numbered_cpus() -> list[int]:
    """Return the numbers of the CPUs in the order of psutil.cpu_times: offline ones have no line."""
    lines = (read(Path("/proc/stat")) or "").splitlines()
    names = [line.split()[0].removeprefix("cpu") for line in lines if line.startswith("cpu")]
    return [int(name) for name in names if name.isdigit()] or list(range(os.cpu_count() or 1))


def cpu_seconds(cpus: list[int]) -> tuple[float, float]:
    """Return the CPU seconds used on these CPUs by all processes, and those stolen by the hypervisor,
    since boot.
    """
    used = stolen = 0.0
    for cpu, times in zip(numbered_cpus(), psutil.cpu_times(percpu=True), strict=False):
        if cpu in cpus:
            steal = getattr(times, "steal", 0.0)
            idle = times.idle + getattr(times, "iowait", 0.0)
            # guest time is counted in user time as well
            guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
            used += sum(times) - idle - steal - guest
            stolen += steal
    return used, stolen


def process_cpu_s(pid: int) -> float:
    """Return the CPU seconds a live process has used, all threads: its CPU-time clock, to the nanosecond.

    The clock's id is made as the kernel does (MAKE_PROCESS_CPUCLOCK in linux/posix-timers.h); psutil's
    coarser figure elsewhere. Raises psutil.NoSuchProcess.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except (OSError, AttributeError, OverflowError):
        return float(sum(psutil.Process(pid).cpu_times()[:2]))


def app_cpu_s() -> float | None:
    """Return the CPU seconds that the app has used which started this process; None where none did."""
    pid = os.environ.get(APP_VARIABLE, "")
    try:
        return process_cpu_s(int(pid)) if pid else None
    except (psutil.Error, ValueError):  # it has ended
        return None


def overheatings(cpus: list[int]) -> int | None:
    """Return how often these CPUs were slowed down for their heat since boot, or None where unknown."""
    counts = [read(CPU_FOLDER / f"cpu{cpu}" / "thermal_throttle" / "core_throttle_count") for cpu in cpus]
    known = [int(count) for count in counts if count and count.isdigit()]
    return sum(known) if known else None


def status_mb(pid: int, field: str) -> float | None:
    """Return a size in /proc/PID/status in MB, such as VmRSS or VmHWM (its peak), or None where unknown."""
    for line in (read(Path(f"/proc/{pid}/status")) or "").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def forget_peak(pid: int) -> bool:
    """Make a process's peak resident size start anew (clear_refs in proc(5)); tell whether that worked."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@lru_cache
def facts() -> Facts:
    """Return what this host is; a fact that cannot be read is left out."""
    cpus = allowed_cpus()
    entries: Facts = {
        "name": platform.node(),
        "cpu": cpu_model(),
        "cpu_flags": list(cpu_flags()),
        "allowed_cpus": len(cpus),
        "physical_cores": len({siblings(cpu) for cpu in cpus}),
        "cgroup_cpus": cgroup.quota_cpus(),
        "gpus": gpu.names() or None,
        "gpu_driver": gpu.driver(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "virtualised": "hypervisor" in flags(),
        "governor": read(CPU_FOLDER / "cpu0" / "cpufreq" / "scaling_governor"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    return {name: value for name, value in entries.items() if value is not None}


# Instruction sets that decide how fast, and how exactly, a network runs, as the kernel names them.
ISA_FLAGS = frozenset(
    ("avx", "avx2", "f16c", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16")
    + ("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve")
)
LIBRARIES = (
    "torch",
    "onnxruntime",
    "onnx",
    "transformers",
    "tokenizers",
    "optimum",
    "numpy",
    "scipy",
    "psutil",
)


@lru_cache
def evidence() -> Facts:
    """Return `facts` and all else about this host that belongs to a published number."""
    entries: Facts = {
        "isa": sorted(ISA_FLAGS & flags()),
        "architecture": platform.machine(),
        "cpus": allowed_cpus(),
        "cores": {str(cpu): siblings(cpu) for cpu in allowed_cpus()},
        "caches": caches(),
        "turbo": turbo(),
        "frequency_driver": read(CPU_FOLDER / "cpu0" / "cpufreq" / "scaling_driver"),
        "virtualisation": hypervisor(),
        "container": container(),
        "available_gb": round(available_mb() / 1000, 1),
        "clock": clock(),
        "libraries": {name: version for name in LIBRARIES if (version := libraries.version(name))},
        "git_commit": git_commit(),
    }
    return facts() | {name: value for name, value in entries.items() if value not in (None, "", {}, [])}


def flags() -> set[str]:
    """Return the CPU's flags as the kernel gives them."""
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def caches() -> list[str]:
    """Return the first CPU's caches, such as `L2 Unified 1024K`."""
    folders = sorted((CPU_FOLDER / "cpu0" / "cache").glob("index*"))
    parts = [[read(folder / name) for name in ("level", "type", "size")] for folder in folders]
    return [f"L{level} {kind} {size}" for level, kind, size in parts if level and size]


def turbo() -> str | None:
    """Return whether the CPU may run above its base frequency: on, off, or None where unknown."""
    boost = read(CPU_FOLDER / "cpufreq" / "boost")
    no_turbo = read(CPU_FOLDER / "intel_pstate" / "no_turbo")
    if boost in ("0", "1"):
        return "on" if boost == "1" else "off"
    if no_turbo in ("0", "1"):
        return "off" if no_turbo == "1" else "on"
    return None


def hypervisor() -> str | None:
    """Return what virtualises this host, as far as the firmware tells; None on bare metal."""
    if "hypervisor" not in flags():
        return None
    return read(Path("/sys/hypervisor/type")) or read(Path("/sys/class/dmi/id/sys_vendor")) or "unknown"


def container() -> bool | None:
    """Return True in a container that leaves one of the usual marks."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    return True if any(mark.exists() for mark in marks) else None


def clock() -> str:
    """Return the clock behind perf_counter_ns, with its resolution and the kernel's source."""
    info = time.get_clock_info("perf_counter")
    source = read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
    return f"{info.implementation}, resolution {info.resolution * 1e9:g} ns" + (
        f", {source}" if source else ""
    )


def git_commit() -> str | None:
    """Return this project's commit, with “+” where files differ from it, or None outside a repository."""
    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def cpu_model() -> str:
    """Return the CPU's marketing name as the kernel gives it."""
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
