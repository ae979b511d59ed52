"""What counts as a disturbance, and in which words it is told."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from src.bench.sentence_noise import CpuUse, judge_noise
from src.host import cgroup, evidence, machine
from src.host.evidence import Evidence, disturbances, explain
from src.workers.own_use import OwnUse

QUIET = Evidence(1.98, 2, 0.004, 0.03, 0.0, 0, 0, 1)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, ()),
        ({"waited_cores": 0.3}, ("waited",)),
        ({"waited_cores": None, "others_cores": None, "steal_cores": None}, ()),
        ({"others_cores": 0.9}, ("others",)),
        ({"steal_cores": 0.4}, ("steal",)),
        ({"throttled": 2}, ("throttled",)),
        ({"overheated": 1}, ("overheated",)),
        ({"throttled": None, "overheated": None}, ()),
        ({"involuntary_switches": 50}, ()),  # evidence only: quiet slices have some as well
        ({"threads_ran": 4, "waited_cores": 1.5}, ()),  # its own crowd, not the host
        ({"others_cores": 0.9, "waited_cores": 0.5}, ("waited", "others")),
    ],
)
def test_kinds_of_disturbance(changes: dict[str, object], kinds: tuple[str, ...]):
    assert disturbances(replace(QUIET, **changes), 2, 2) == kinds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (
            "others",
            {"others_cores": 0.9},
            "Another process used 0.9 of a core in 3 of 20 slices. Close other",
        ),
        ("waited", {"waited_cores": 0.4, "others_cores": 0.93}, "Another process used 0.9 of a core"),
        ("others", {"others_cores": 1.8}, "Other processes used 1.8 cores in 3 of 20"),
        ("waited", {"waited_cores": 0.4, "others_cores": 0.1}, "kept from their CPUs for 40 % of the time"),
        (
            "steal",
            {"steal_cores": 0.4},
            "hypervisor took away 0.4 of a core in 3 of 20 slices. Run again later",
        ),
        ("throttled", {"throttled": 1}, "Raise the quota"),
        ("overheated", {"overheated": 1}, "Let it cool down"),
    ],
)
def test_reasons_say_what_happened_and_what_to_do(kind: str, changes: dict[str, object], words: str):
    assert words in explain(kind, [replace(QUIET, **changes)], 3, 20)  # type: ignore[arg-type]


def test_the_worker_sees_its_own_cpu_time():
    use = OwnUse()
    sum(range(3_000_000))
    told = use.since()
    assert told["cpu_ns"] > 0
    assert told["wall_ns"] >= 0.5 * told["cpu_ns"]
    assert told["involuntary_switches"] >= 0
    if told["threads_ran"] is not None:
        assert told["threads_ran"] >= 1


def test_what_the_kernel_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(machine, "CPU_FOLDER", tmp_path)
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    assert cgroup.throttled_periods() is None
    assert machine.overheatings([0]) is None
    assert machine.caches() == []
    assert machine.turbo() is None
    assert evidence.difference(None, 3) is None


def test_what_the_kernel_tells_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(machine, "CPU_FOLDER", tmp_path)
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    (tmp_path / "cpu.stat").write_text("usage_usec 12\nnr_periods 7\nnr_throttled 3\nthrottled_usec 9\n")
    (tmp_path / "cpu0" / "thermal_throttle").mkdir(parents=True)
    (tmp_path / "cpu0" / "thermal_throttle" / "core_throttle_count").write_text("5\n")
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate" / "no_turbo").write_text("1\n")
    cache = tmp_path / "cpu0" / "cache" / "index3"
    cache.mkdir(parents=True)
    for name, value in (("level", "3"), ("type", "Unified"), ("size", "32768K")):
        (cache / name).write_text(value + "\n")
    assert cgroup.throttled_periods() == 3
    assert machine.overheatings([0, 1]) == 5
    assert machine.turbo() == "off"
    assert machine.caches() == ["L3 Unified 32768K"]


def test_limits_are_found_where_the_process_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """As under systemd: the service has a quota, and the slice around it less memory than it may take."""
    own, root = tmp_path / "own", tmp_path / "root"
    service = root / "system.slice" / "awiy.service"
    service.mkdir(parents=True)
    own.write_text("12:cpu:/elsewhere\n0::/system.slice/awiy.service\n")
    for folder, files in (
        (service, {"cpu.max": "150000 100000", "memory.max": "8000000000", "memory.current": "1000000000"}),
        (
            service.parent,
            {"cpu.max": "max 100000", "memory.max": "1500000000", "memory.current": "1200000000"},
        ),
        (service, {"cpu.stat": "usage_usec 1\nnr_throttled 4\n", "memory.stat": "anon 5\ninactive_file 7"}),
        (service.parent, {"memory.stat": "inactive_file 100000000\nactive_file 50000000"}),
    ):
        for name, text in files.items():
            (folder / name).write_text(text + "\n")
    monkeypatch.setattr(cgroup, "ROOT", root)
    monkeypatch.setattr(cgroup, "OWN", own)
    assert cgroup.quota_cpus() == 1.5
    assert cgroup.throttled_periods() == 4
    assert machine.available_mb() == pytest.approx(450.0)
    assert machine.usable_cpus() == 1


def test_the_host_is_described():
    found = machine.evidence()
    assert {"cpu", "isa", "cpus", "cores", "clock", "libraries", "system", "python"} <= found.keys()
    assert found["libraries"]["onnxruntime"]
    assert all(value not in (None, "", {}, []) for name, value in found.items() if name != "cpu_flags")


def test_the_app_is_told_apart_from_others():
    """What disturbs is often who asks: its own pages are drawn on the host that is measured."""
    seen = {"effective_threads": 1.0, "threads_ran": 1, "waited_cores": 0.3, "steal_cores": 0.0}
    seen |= {"throttled": 0, "overheated": 0, "involuntary_switches": 0}
    ours = evidence.Evidence(**seen, others_cores=0.8, app_cores=0.7)
    theirs = evidence.Evidence(**seen, others_cores=0.8, app_cores=0.1)
    unknown = evidence.Evidence(**seen, others_cores=0.8)
    for kind in ("others", "waited"):
        assert "This app itself" in evidence.explain(kind, [ours], 3, 9)
        for found in (theirs, unknown):
            assert evidence.explain(kind, [found], 3, 9).startswith("Another process used 0.8")
    before, after = CpuUse(0.0, 0.0, 0.0, 0.0), CpuUse(1.5, 0.0, 0.5, 0.9)
    noise = judge_noise(before, after, 1.0)
    assert noise.noisy
    assert noise.app_cores == pytest.approx(0.9)
    assert noise.reason.startswith("This app itself")
    assert judge_noise(before, after._replace(app=0.1), 1.0).reason.startswith("Other processes")
    assert judge_noise(before._replace(app=None), after._replace(app=None), 1.0).app_cores is None


@pytest.mark.one_cpu
def test_a_watch_sees_what_the_app_uses(monkeypatch: pytest.MonkeyPatch):
    """A process that computes stands for the app; this one started it, which is all the same."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    monkeypatch.setenv(machine.APP_VARIABLE, str(busy.pid))
    watch = evidence.Watch(machine.allowed_cpus()[:2])
    try:
        watch.forget()
        watch.start(os.getpid())
        time.sleep(0.3)
        use = {"cpu_ns": 1, "wall_ns": 10**7, "waited_ns": 0, "threads_ran": 1, "involuntary_switches": 0}
        seen = watch.stop(os.getpid(), use)
    finally:
        busy.kill()
        busy.wait()
        watch.close()
    assert seen.app_cores is not None
    assert seen.app_cores > 0.3
    assert seen.others_cores is not None
    assert seen.others_cores >= 0.9 * seen.app_cores
    assert machine.app_cpu_s() is None, "it has ended"
