"""What may be asked with a sentence: its text, the engines, the threads."""

import unicodedata
from dataclasses import dataclass

from src.engines import registry
from src.engines.spec import EngineSpec
from src.errors import Explained
from src.host import machine
from src.limits import hosted, limits

NOTHING = "There is nothing to measure in this text. Type a sentence."


class BadSentence(Explained, ValueError):
    """The text cannot be measured. The message says why and what to do."""


@dataclass(frozen=True)
class Failure:
    engine: str
    reason: str


def clean(text: str) -> str:
    """Return the text that is measured: control characters and lone surrogates become spaces, ends are
    trimmed.

    Raises BadSentence for nothing to measure and for more characters than `limits` allow.
    """
    longest = limits().characters
    if len(text) > longest:
        raise BadSentence(f"The text has {len(text):,} characters. Shorten it to at most {longest:,}.")
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text
    ).strip()
    if not kept:
        raise BadSentence(NOTHING)
    return kept


def choose(ids: list[str] | None) -> tuple[list[EngineSpec], list[Failure]]:
    """Return the engines to measure and those asked for that cannot run here.

    Raises UnknownEngine, BadSentence.
    """
    if ids is None:
        return list(registry.available()), []
    if not ids:
        raise BadSentence(
            "No engine was asked for. Name at least one, or none to measure all that can run here."
        )
    specs, failures = [], []
    for id in dict.fromkeys(ids):
        spec = registry.get(id)
        missing = registry.availability(spec)
        if missing:
            failures.append(Failure(id, f"{missing.reason} {missing.remedy}"))
        elif not spec.answers:
            raise BadSentence(f"“{id}” answers nothing: it takes part in benchmarks only. Leave it out.")
        else:
            specs.append(spec)
    most = limits().engines
    if len(specs) > most:
        raise BadSentence(
            f"{len(specs)} engines were asked for; at most {most} take part in one sentence here."
        )
    return specs, failures


def thread_count(count: int | None) -> int:
    """Return the threads of each engine, by default as many as this host's cores allow. Raises BadSentence.

    Strangers have no choice: for another number each worker would be loaded anew.
    """
    default = machine.default_threads()
    threads = default if count is None else count
    if threads < 1:
        raise BadSentence(f"{threads} threads were asked for. Ask for at least one.")
    if threads > machine.usable_cpus():
        raise BadSentence(
            f"{threads} threads were asked for and {machine.usable_cpus()} CPUs may be used here. Ask for "
            "fewer."
        )
    if hosted() and threads != default:
        raise BadSentence(f"{threads} threads were asked for; a sentence is measured with {default} here.")
    return threads
