"""What is searched: rows, their options and releases one at a time, and combinations of those that helped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product, zip_longest

from src import environments, libraries, releases
from src.engines import options, registry, released
from src.engines.spec import EngineSpec
from src.errors import Explained
from src.releases import Release

MOST_HELPFUL = 3  # options of a row that are combined


NO_RELEASES = "none"


class BadRelease(Explained, ValueError):
    """A release that cannot be searched. The message says what to do."""


class EmptySpace(Explained, ValueError):
    """Nothing is left to be searched. The message says why."""


def rows(
    engines: Sequence[str] = (), packages: Iterable[str] | None = None, device: str = "cpu"
) -> list[EngineSpec]:
    """Return the rows to begin with: those of `engines` (all) that can run here on `device` and need none but
    these `packages`, if any are named. Raises UnknownEngine, EmptySpace.
    """
    asked = [registry.get(id) for id in engines] or list(registry.available())
    allowed = None if packages is None else set(packages)
    found = [
        spec
        for spec in asked
        if spec.device == device
        and spec.answers
        and not registry.availability(spec)
        and (allowed is None or set(spec.packages) <= allowed)
    ]
    if not found:
        raise EmptySpace(
            "No row that can run here is left. Name other engines, or allow more packages; "
            "python -m src engines tells what each needs."
        )
    return found


@dataclass(frozen=True)
class Bounds:
    """What bounds the options that are searched: how many threads there are, what is timed, and the packages
    that may be needed (None: all).
    """

    threads: int
    scope: str = "model"
    packages: tuple[str, ...] | None = None

    def let_in(self, option: options.Option) -> bool:
        """Tell whether an option may be chosen, and makes a difference."""
        needed = self.threads > 1 or not (option.shares or option == options.THREADS)
        allowed = self.packages is None or set(option.packages) <= set(self.packages)
        return needed and allowed and (self.scope == "pipeline" or not option.around)


def singles(spec: EngineSpec, bounds: Bounds) -> list[str]:
    """Return a row's configurations with one option each, those left out that are out of bounds."""
    return [
        identify(spec, ((option.name, value),))
        for option in options.of_row(spec)
        for value in option.values
        if bounds.let_in(option)
    ]


def installed_releases() -> list[str]:
    """Return the releases that are searched unless others are asked for: of each minor version of a runtime
    the last that is installed here, newest first.
    """
    last: dict[tuple[str, tuple[int, ...]], Release] = {}
    for release in environments.usable_releases():  # oldest first
        last[release.runtime, releases.order(release.version)[:2]] = release
    return [release.name for release in reversed(last.values())]


def releases_named(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the releases that are to be tried, by their names: without any named those that are here, and no
    release for `none`. Raises BadRelease for what is no release, or is not here.
    """
    if names is None:
        return tuple(installed_releases())
    if list(names) == [NO_RELEASES]:
        return ()
    for name in names:
        if not releases.parse(name):
            raise BadRelease(
                f"“{name}” is no release. Name some as onnxruntime@1.24.4, of: "
                f"{', '.join(releases.RUNTIMES)}; or {NO_RELEASES}."
            )
        if trouble := environments.trouble(name):
            raise BadRelease(f"{name} cannot be tried: {trouble.reason} {trouble.remedy}")
    return tuple(names)


def of_releases(spec: EngineSpec, asked: Iterable[str]) -> list[str]:
    """Return a row's configurations with one of these releases each, without the one it has anyway."""
    usual = libraries.version(spec.runtime)
    named = [releases.parse(name) for name in asked]
    versions = [
        each.version for each in named if each and each.runtime == spec.runtime and each.version != usual
    ]
    return [other.id for version in versions if (other := released.of_release(spec, version))]


def together(spec: EngineSpec, helpful: Sequence[tuple[str, str]], threads: int) -> list[str]:
    """Return a row's configurations with two or more of these options, best first, as (name, value); no more
    than MOST_HELPFUL of them are combined, and none that do nothing beside another.
    """
    values: dict[str, list[str]] = {}
    for name, value in of_these(spec, helpful):
        values.setdefault(name, []).append(value)
    known = {option.name: option for option in options.of_row(spec)}
    found = []
    for count in range(2, len(values) + 1):
        for names in combinations(values, count):
            alone = options.THREADS.name in names or threads == 1
            if alone and any(known[name].shares for name in names):
                continue
            for chosen in product(*(values[name] for name in names)):
                words = tuple(zip(names, chosen, strict=True))
                if len(written(spec, words)) <= options.LONGEST_ID:
                    found.append(identify(spec, words))
    return found


def of_these(spec: EngineSpec, helpful: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return of the options that helped most those that a row has: one of another environment lacks some."""
    known = {option.name for option in options.of_row(spec)}
    return [pair for pair in helpful[:MOST_HELPFUL] if pair[0] in known]


def one_change(rows: Sequence[str], bounds: Bounds, others: Sequence[str]) -> dict[str, list[str]]:
    """Return by row the configurations that differ from it in one option, or are of one of the `others`, the
    releases to try: of both in turn, as neither may use up the time of the other.
    """
    specs = {row: registry.get(row) for row in rows}
    pairs = {
        row: zip_longest(of_releases(spec, others), singles(spec, bounds)) for row, spec in specs.items()
    }
    return {row: [id for pair in both for id in pair if id] for row, both in pairs.items()}


def changes_together(row: str, ratios: Mapping[str, float], threads: int) -> list[str]:
    """Return a row's configurations with several changes that each helped, by the ratios of configurations
    with one change to their row: options together, and with the release that helped most.
    """
    best = helpful(ratios)
    combined = together(registry.get(row), best, threads)
    if other := best_release(ratios):
        spec = registry.get(other)
        combined += [identify(spec, (chosen,)) for chosen in of_these(spec, best)]
        combined += together(spec, best, threads)
    return combined


def identify(spec: EngineSpec, chosen: Iterable[tuple[str, str]]) -> str:
    """Return the one id of a row with these options."""
    return options.configured(spec, [f"{name}={value}" for name, value in chosen]).id


def written(spec: EngineSpec, chosen: Iterable[tuple[str, str]]) -> str:
    return options.SEPARATOR.join([spec.id, *(f"{name}={value}" for name, value in chosen)])


def best_release(ratios: Mapping[str, float]) -> str | None:
    """Return the configuration with another release that helped most, from the ratios of configurations to
    their row; None where none did.
    """
    better = [(ratio, id) for id, ratio in ratios.items() if ratio < 1 and releases.SEPARATOR in id]
    return min(better)[1] if better else None


def helpful(ratios: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the options that helped, best first, from the ratios of configurations with one option each to
    their row: below 1 is faster.
    """
    better = sorted((ratio, id) for id, ratio in ratios.items() if ratio < 1)
    return [chosen for _, id in better for chosen in registry.get(id).options]
