"""What is searched: rows, their options one at a time, and combinations of those that helped."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product

from src.engines import options, registry
from src.engines.spec import EngineSpec
from src.errors import Explained

MOST_HELPFUL = 3  # options of a row that are combined


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


def singles(spec: EngineSpec, threads: int) -> list[str]:
    """Return a row's configurations with one option each, those left out that do nothing with so many
    threads.
    """
    return [
        identify(spec, ((option.name, value),))
        for option in options.of_row(spec)
        for value in option.values
        if makes_a_difference(option, threads)
    ]


def makes_a_difference(option: options.Option, threads: int) -> bool:
    return threads > 1 or not (option.shares or option == options.THREADS)


def together(spec: EngineSpec, helpful: Sequence[tuple[str, str]], threads: int) -> list[str]:
    """Return a row's configurations with two or more of these options, best first, as (name, value); no more
    than MOST_HELPFUL of them are combined, and none that do nothing beside another.
    """
    values: dict[str, list[str]] = {}
    for name, value in helpful[:MOST_HELPFUL]:
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


def identify(spec: EngineSpec, chosen: Iterable[tuple[str, str]]) -> str:
    """Return the one id of a row with these options."""
    return options.configured(spec, [f"{name}={value}" for name, value in chosen]).id


def written(spec: EngineSpec, chosen: Iterable[tuple[str, str]]) -> str:
    return options.SEPARATOR.join([spec.id, *(f"{name}={value}" for name, value in chosen)])


def helpful(ratios: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the options that helped, best first, from the ratios of configurations with one option each to
    their row: below 1 is faster.
    """
    better = sorted((ratio, id) for id, ratio in ratios.items() if ratio < 1)
    return [chosen for _, id in better for chosen in registry.get(id).options]
