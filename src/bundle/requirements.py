"""What a bundle has to have installed: exact versions, as they are in the environment that was measured."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

from src import environments, libraries
from src.environments import canonical

NOT_KNOWN = "licence not known"


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    name: str
    version: str
    licence: str

    @property
    def pin(self) -> str:
        """Return the line of requirements.txt; a build's label, as of 2.13.0+cpu, is no index's."""
        return f"{self.name}=={self.version.partition('+')[0]}"


def distributions(environment: str) -> dict[str, metadata.Distribution]:
    """Return what is installed in an environment, by name."""
    folder = environments.folder(environment)
    paths = [str(path) for path in folder.glob("lib/python*/site-packages")]
    places = sys.path if environment == environments.MAIN else paths
    return {canonical(each.metadata["Name"]): each for each in metadata.distributions(path=places)}


def closure(packages: Sequence[str], environment: str) -> list[Package]:
    """Return some packages, in their order, and after them by name what they need that is installed: of a
    release's environment little is, and pip adds the rest.
    """
    installed = distributions(environment)
    first = [distribution_of(name, installed) for name in packages]
    found: dict[str, Package] = {}
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name in found or name not in installed:
            continue
        found[name] = package(installed[name])
        for line in installed[name].requires or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonical(requirement.name))
    return [found.pop(name) for name in first if name in found] + [found[name] for name in sorted(found)]


def as_text(packages: Sequence[Package]) -> str:
    """Return the lines of a requirements.txt."""
    return "".join(f"{package.pin}\n" for package in packages)


def distribution_of(library: str, installed: dict[str, metadata.Distribution]) -> str:
    """Return the name of the distribution that a library is installed from."""
    names = (library, *libraries.OTHER_DISTRIBUTIONS.get(library, ()))
    return next((name for name in map(canonical, names) if name in installed), canonical(library))


def package(distribution: metadata.Distribution) -> Package:
    about = distribution.metadata
    return Package(about["Name"], distribution.version, licence(about))


def licence(about: metadata.PackageMetadata) -> str:
    """Return the licence that a package states, in the words of its metadata (core metadata 2.4)."""
    stated = {name: str(about[name]).strip() for name in ("License-Expression", "License") if name in about}
    if expression := stated.get("License-Expression"):
        return expression
    text = stated.get("License", "")
    if text and "\n" not in text:  # some put the whole text there
        return text
    classifiers = [str(line) for line in about.get_all("Classifier") or ()]
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return ", ".join(named) or NOT_KNOWN
