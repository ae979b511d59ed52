"""The plan of a time line: rows of a runtime through its releases, each compared with its newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from src import environments, releases
from src.bench import estimate
from src.bench.catalogue import Catalogue, Offer
from src.bench.estimate import Typical
from src.bench.plan import BadPlan, Plan
from src.engines import registry, released
from src.engines.rows_portable import PORTABLE
from src.engines.spec import EngineSpec
from src.errors import Explained
from src.host import machine

# As what a run is kept: a time line, the repetition of a step in fresh processes, a part of a bisection.
PRESET, REPEAT, BISECT = "timeline", "timeline-step", "bisect"
LENGTHS = (16, 128)
# What a run is given beyond what it should take, as a crowded host repeats slices.
MARGIN, SPARE_S = 1.5, 60.0
LONGEST_S = 4 * 3600.0


class NoReleases(Explained, ValueError):
    """No release is left of those asked for. The message says what to ask for instead."""


def default_rows(runtime: str) -> tuple[str, ...]:
    """Return the rows that a time line has unless others are asked for: of ONNX Runtime the portable files,
    where the environment that makes them is here; else the rows of the runtime that can run here.
    """
    portable = [spec.id for spec in PORTABLE if spec.runtime == runtime and not registry.availability(spec)]
    return tuple(portable or [spec.id for spec in registry.available() if has_row(runtime, spec)])


def has_row(runtime: str, spec: EngineSpec) -> bool:
    """Tell whether a row of the registry is of this runtime and can be had in other releases of it."""
    return spec.runtime == runtime and released.has_releases(spec)


def check_rows(runtime: str, rows: Sequence[str]) -> None:
    """Raise BadPlan for rows that have no releases of a runtime."""
    having = [spec.id for spec in registry.all_engines() if has_row(runtime, spec)]
    for row in rows:
        if row not in having:
            raise BadPlan(
                f"“{row}” is no row of {releases.RUNTIMES[runtime]} that has releases. Choose of: "
                f"{', '.join(having)}."
            )


def chosen(catalogue: Catalogue, first: str = "", last: str = "", minor: bool = False) -> list[Offer]:
    """Return the releases from `first` to `last`, oldest first: 1.15 means from the first of 1.15 on, or to
    the last of it. With `minor` only the last release of each minor version. Raises NoReleases.
    """
    low, high = (bound(text) for text in (first, last))
    offers = [
        offer
        for offer in reversed(catalogue.offers)
        if releases.order(offer.version)[: len(low)] >= low
        and (not high or releases.order(offer.version)[: len(high)] <= high)
    ]
    if minor:
        offers = list({releases.order(offer.version)[:2]: offer for offer in offers}.values())
    if len(offers) < 2:
        raise NoReleases(
            f"A time line needs two releases, and of {releases.RUNTIMES[catalogue.runtime]}, from "
            f"{first or 'the first'} to {last or 'the last'}, there are only: "
            f"{', '.join(offer.version for offer in offers) or 'none'}. All of them: "
            f"python -m src envs offered {catalogue.runtime}"
        )
    return offers


def bound(text: str) -> tuple[int, ...]:
    """Return a version or the beginning of one as something to sort by. Raises NoReleases."""
    if text and not releases.VERSION.fullmatch(text):
        raise NoReleases(f"“{text}” is no release. Write it like 1.24 or 1.24.4.")
    return releases.order(text) if text else ()


def engine(row: str, version: str) -> str:
    return row + releases.SEPARATOR + version


def plan_for(
    rows: Sequence[str],
    versions: Sequence[str],
    typical: Typical,
    lengths: Sequence[int] = LENGTHS,
    threads: int | None = None,
    preset: str = PRESET,
    seed: int = 0,
    confirms: str = "",
) -> Plan:
    """Return the plan of these rows through these releases, oldest first; its budget follows from what the
    releases took before (`typical`, see store.runs.typical_ms).
    """
    anchors = tuple(engine(row, versions[-1]) for row in rows)
    plan = Plan(
        engines=tuple(engine(row, version) for row in rows for version in versions),
        sequence_lengths=tuple(lengths),
        batch_sizes=(1,),
        threads=(threads or machine.default_threads(),),
        scopes=("model",),
        budget_s=LONGEST_S,
        percentile=50,
        seed=seed,
        baseline=anchors[0],
        preset=preset,
        anchors=anchors,
        confirms=confirms,
    )
    seconds = MARGIN * estimate.full_s(plan, typical) + SPARE_S
    return replace(plan, budget_s=min(LONGEST_S, float(round(seconds))))


def here(runtime: str) -> list[str]:
    """Return the releases of a runtime whose environments can be used, oldest first."""
    return [release.version for release in environments.usable_releases() if release.runtime == runtime]


def absent(versions: Sequence[str], runtime: str) -> list[str]:
    """Return the releases that have no environment here which can be used."""
    names = {version: releases.Release(runtime, version).name for version in versions}
    return [version for version, name in names.items() if environments.trouble(name)]
