"""What may be asked of this program: everything on one's own machine, less where strangers ask it.

`AWIY_HOSTED=1` is the demo that stakeholders open (docs/hosting.md).
"""

import logging
import os
import re
from dataclasses import dataclass
from typing import Any

from src.errors import Explained

# What strangers are told of troubles that they can do nothing about.
log = logging.getLogger(__name__)
OUT_OF_ORDER = "This is out of order at the moment. Whoever runs this service finds the reason in its log."


@dataclass(frozen=True)
class Limits:
    """Caps, checked where the work is done and not only on the page.

    `cells` are engines × cases of a plan, `waiting` the jobs that may be queued at a time, `each` those of
    one person; `engines` take part in a sentence, at most; `sentences` may wait at a time beside the one
    being measured, `sentences_each` are one session's, that one among them. `changes`: files may be uploaded,
    runs renamed and deleted, artifacts built. `kept_runs`: so many of the runs that visitors asked for are
    kept; None: all.
    """

    characters: int
    cells: int
    budget_s: float
    waiting: int
    each: int
    engines: int
    sentences: int
    sentences_each: int
    changes: bool
    kept_runs: int | None


# 10,000 characters are far more than 512 tokens of any text.
LOCAL = Limits(
    characters=10_000,
    cells=5_000,
    budget_s=6 * 3600.0,
    waiting=100,
    each=100,
    engines=1_000,
    sentences=30,
    sentences_each=5,
    changes=True,
    kept_runs=None,
)
# A stranger's run should not keep others waiting for long: two minutes each, twelve in the queue.
HOSTED = Limits(
    characters=1_000,
    cells=60,
    budget_s=120.0,
    waiting=12,
    each=1,
    engines=12,
    sentences=60,
    sentences_each=2,
    changes=False,
    kept_runs=300,
)


def hosted() -> bool:
    """Tell whether this is the hosted demo."""
    return os.environ.get("AWIY_HOSTED", "") not in ("", "0")


def limits() -> Limits:
    """Return what holds here."""
    return HOSTED if hosted() else LOCAL


def told(error: Exception) -> str:
    """Return what whoever asked may read of an error. Of the machine's troubles strangers read only that they
    are there; the log has the rest.
    """
    if not hosted() or (isinstance(error, Explained) and error.for_strangers):
        return str(error)
    log.error("%s", error)
    return OUT_OF_ORDER


# A path: from a slash that begins a word, or a scheme of local files, to what cannot be in one; after a blank
# it goes on where the next word has a slash as well.
PATHS = re.compile(
    r"""(?:\b(?:file|sqlite):/+|(?<![\w/.+<:*~])~?/)(?![\s/])[^\s"'“”<>|,;)]*[\w/]"""
    r"""(?:\ (?!-)[^\s"'“”<>|,;)/]+/[^\s"'“”<>|,;)]*[\w/])*"""
)
PROCESSES = re.compile(r",? ?\b(?:process|pid) \d+")


def public(text: str) -> str:
    """Return a text as strangers may read it: in the hosted demo without this machine's paths and process
    ids.
    """
    return PROCESSES.sub("", PATHS.sub("(a path)", text)) if hosted() else text


def disclosed(value: Any) -> Any:
    """Return JSON as strangers may have it: in the hosted demo each text is `public`, and the host has no
    name.
    """
    if not hosted():
        return value
    if isinstance(value, dict):
        kept = {name: disclosed(entry) for name, entry in value.items()}
        return {**kept, "name": ""} if {"name", "cpu"} <= kept.keys() else kept
    if isinstance(value, list | tuple):
        return [disclosed(entry) for entry in value]
    return public(value) if isinstance(value, str) else value
