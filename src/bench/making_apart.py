"""Making an environment in a process of its own, for a page."""

from collections.abc import Callable

from src.bench import command_apart
from src.bench.environments import EnvironmentFailed


def create_apart(name: str, tell: Callable[[float], None]) -> None:
    """Make an environment by the command that does; `tell` is given the seconds since its start meanwhile.
    One that was stopped, as somebody left the page, is made from the beginning the next time. Raises
    EnvironmentFailed.
    """
    done = command_apart.run(("envs", "create", name), tell)
    if not done.code:
        return
    if not done.told or "error" in done.told:
        raise EnvironmentFailed(done.error)
    failed = [f"{engine}: {why}" for engine, why in done.told["failed"].items()]
    raise EnvironmentFailed("; ".join([*([done.told["trouble"]] if done.told["trouble"] else []), *failed]))
