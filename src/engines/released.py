"""Rows of the registry as they run with another release of their runtime: ROW@VERSION."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from src import environments, releases
from src.engines.spec import EngineSpec
from src.releases import SEPARATOR


def has_releases(spec: EngineSpec) -> bool:
    """Tell whether a row can be had with other releases of its runtime."""
    here = spec.environment == environments.MAIN and spec.device == "cpu"
    return here and spec.runtime in releases.RUNTIMES


def of_release(spec: EngineSpec, version: str) -> Optional[EngineSpec]:
    """Return a row with another release of its runtime: the same file, in that release's environment. None
    for a row that has no releases, and for what is no version.
    """
    release = releases.parse(spec.runtime + SEPARATOR + version)
    if not release or not has_releases(spec):
        return None
    return replace(
        spec,
        id=spec.id + SEPARATOR + version,
        title="%s, %s" % (spec.title, version),
        environment=release.name,
        packages=(),
    )
