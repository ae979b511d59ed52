"""An answer in a sentence: the same for every page and command."""

from collections.abc import Callable

from src.accuracy.gate import NOT_PROVEN
from src.engines import registry
from src.references.answer import APART, FASTER, LEVEL, SLOWER, UNDECIDED, Answer, Figure, Standing
from src.ui.format import plain
from src.words import interval, ms, times

WORDS = {FASTER: "Yes", SLOWER: "No", LEVEL: "Too close to call", UNDECIDED: "No verdict"}
NOTHING = "No engine has a result that counts in this case."
TOO_INACCURATE = "No engine that has a result in this case is accurate enough."
ACCURACY_COMMAND = "python -m src accuracy --dataset FILE.tsv"


def sentence(answer: Answer, escape: Callable[[str], str] = plain, strong: str = "**") -> str:
    """Return what was found of Infinity's latency, as Markdown: verdict, engine, latency, ratio.

    `escape` and `strong` are how the titles are escaped and what stands around the figures elsewhere.
    """
    if not answer.best or not answer.standing:
        return TOO_INACCURATE if answer.missed else NOTHING
    best, standing = answer.best, answer.standing
    spoken = f"{strong}{escape(best.title)}{strong} answers in {strong}{ms(best.median_ms)}{strong}"
    if best.ci95_ms:
        spoken += f" ({interval(*best.ci95_ms)})"
    if standing.word == APART or not standing.reference:
        words = accuracy_words(best)
        accuracy = "" if answer.proven else f" {words[0].upper()}{words[1:]}."
        return f"{spoken}.{accuracy} {escape(standing.why)} Nothing is divided."
    verdict = WORDS[standing.word]
    if not answer.proven:
        verdict += f"{'' if standing.word == UNDECIDED else ' in latency'}; {accuracy_words(best)}"
    because = f"; {escape(standing.why)}" if standing.word == UNDECIDED else ""
    ours, theirs = (f" on {escape(card)}" if card else "" for card in cards(standing))
    return (
        f"{verdict}: {spoken}{ours}, {times(standing.ratio)} of Infinity's stated "
        f"{standing.reference.value:g} ms{theirs}{because}."
    )


def cards(standing: Standing) -> tuple[str, str]:
    """Return on which GPU it answers and on which Infinity did; "" on a CPU."""
    measured = standing.figure.measurement
    if measured.device == "cpu" or not standing.reference:
        return "", ""
    return measured.hardware or "a GPU that is not named", standing.reference.card


def case_title(device: str, length: int) -> str:
    """Return what an answer is for, such as `16 tokens` or `16 tokens, GPU`."""
    return f"{length} tokens" + ("" if device == "cpu" else ", GPU")


def accuracy_words(figure: Figure) -> str:
    """Return what keeps an engine's accuracy from being proven."""
    place = "GPU" if figure.measurement.device == "cuda" else "CPU"
    return "accuracy not proven" if figure.accuracy == NOT_PROVEN else f"accuracy not known on its {place}"


def notes(answer: Answer, escape: Callable[[str], str] = plain) -> list[str]:
    """Return what stands below the sentence: which engines are faster and do not count, and why."""
    others = [figure for figure in answer.missed if figure.agrees is False]
    inaccurate = [figure for figure in answer.missed if figure.agrees is not False]
    reasons = (
        (answer.unproven, "their accuracy is not proven"),
        (inaccurate, "they miss the accuracy gate"),
        (others, "they label this text otherwise than PyTorch FP32"),
    )
    begin = "Faster, and not counted" if answer.best else "Not counted"
    return [
        f"{begin}, as {why}: {', '.join(escape(figure.title) for figure in figures)}."
        for figures, why in reasons
        if figures
    ]


def remedy(answer: Answer) -> str | None:
    """Return the command that settles whose accuracy is not proven; None where nothing is open."""
    open_engines = [*answer.unproven, *([answer.best] if answer.best and not answer.proven else [])]
    ids = {spec.id for spec in registry.all_engines()}
    known = [figure.engine for figure in open_engines if figure.engine in ids]
    return f"{ACCURACY_COMMAND} --engines {','.join(known)}" if known else None
