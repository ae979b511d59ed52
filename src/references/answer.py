"""Are we there yet? One rule for every page and command: which engine speaks, and how it stands to a number.

Nothing here measures, reads a file or knows a page. An engine speaks for its device only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from src.accuracy.gate import HOLDS, MISSES
from src.references.comparison import Comparison, Measurement, judge, ratio, rounding
from src.references.reference import Reference, infinity

# How a figure stands to a published number. LEVEL: its interval touches what cannot be told apart from it;
# UNDECIDED: the figure bears no verdict; APART: the two must not be divided.
FASTER, SLOWER, LEVEL, UNDECIDED, APART = "faster", "slower", "level", "undecided", "apart"
YES, NO, UNKNOWN = "yes", "no", "unknown"
BUSY = "this host was too busy for a verdict"
NO_INTERVAL = "a figure without an interval bears no verdict"


@dataclass(frozen=True)
class Figure:
    """An engine's latency in one case (ms, with its 95 % interval), and what it is worth.

    `doubt` says why it bears no verdict, "" where it does. `floor` is the least difference that its run can
    see, as a share. `accuracy` is the state of the accuracy gate, "" where nothing is known of it; `agrees`
    is False where it labels the very text otherwise than the accuracy baseline.
    """

    engine: str
    title: str
    median_ms: float
    ci95_ms: tuple[float, float] | None
    measurement: Measurement
    floor: float
    doubt: str = ""
    accuracy: str = ""
    agrees: bool | None = None


@dataclass(frozen=True)
class Standing:
    """How a figure stands to one published number: `word` is faster, slower, level, undecided or apart.

    `why` says what keeps it from a verdict. `ratio` (measured ÷ published) and its interval are None where
    the two must not be divided; `reference` is None where there is no number of this length or device.
    """

    figure: Figure
    word: str
    why: str = ""
    reference: Reference | None = None
    comparison: Comparison | None = None
    ratio: float | None = None
    ratio_ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class Answer:
    """What the figures of one case say of Infinity.

    `best` is the engine that speaks and `standing` how it stands; None where no engine may speak. `unproven`
    are faster engines whose accuracy is not proven or not known, `missed` faster ones that are not accurate
    enough.
    """

    best: Figure | None
    standing: Standing | None
    unproven: tuple[Figure, ...] = ()
    missed: tuple[Figure, ...] = ()

    @property
    def word(self) -> str:
        """Return faster, slower, level, undecided or apart; apart also where no engine may speak."""
        return self.standing.word if self.standing else APART

    @property
    def proven(self) -> bool:
        """Tell whether the engine that speaks is known to be accurate enough."""
        return self.best is not None and faithful(self.best) == YES


def faithful(figure: Figure) -> str:
    """Tell whether an engine's answers are as good as FP32's: yes, no or unknown."""
    if figure.accuracy == MISSES or figure.agrees is False:
        return NO
    return YES if figure.accuracy == HOLDS else UNKNOWN


def stand(figure: Figure, reference: Reference) -> Standing:
    """Return how a figure stands to a published number.

    A difference counts where the whole interval is further away than can be told: than the run's noise floor,
    and than the rounding of the published number, of which 2.6 may be anything from 2.55 to 2.65.
    """
    comparison = judge(reference, figure.measurement)
    share = ratio(reference, figure.median_ms, comparison)
    if share is None:
        return Standing(figure, APART, " ".join(comparison.blocking), reference, comparison)
    if figure.ci95_ms is None:
        doubt = figure.doubt or NO_INTERVAL
        return Standing(figure, UNDECIDED, doubt, reference, comparison, share)
    low, high = (value / reference.value for value in figure.ci95_ms)
    least = max(figure.floor, rounding(reference))
    word = FASTER if high < 1 - least else SLOWER if low > 1 + least else LEVEL
    if figure.doubt:
        word = UNDECIDED
    return Standing(figure, word, figure.doubt, reference, comparison, share, (low, high))


def answer(figures: Iterable[Figure], device: str = "cpu") -> Answer:
    """Return what these figures, all of one case, say of Infinity on this device.

    The fastest engine of proven accuracy speaks. One whose accuracy is not proven speaks where no other may,
    and where it alone is faster than Infinity: then it is no plain yes. Where nothing may be divided there is
    no verdict, and the fastest speaks.
    """
    rows = sorted(
        (figure for figure in figures if figure.measurement.device == device),
        key=lambda figure: figure.median_ms,
    )
    counted = [figure for figure in rows if faithful(figure) != NO]
    if not counted:
        return Answer(None, None, missed=tuple(rows))
    speaks = next((figure for figure in counted if faithful(figure) == YES), counted[0])
    if beside(speaks).word == APART:
        speaks = counted[0]
    elif beside(speaks).word != FASTER:
        faster = counted[: counted.index(speaks)]
        speaks = next((figure for figure in faster if beside(figure).word == FASTER), speaks)
    before = rows[: rows.index(speaks)]
    return Answer(
        speaks,
        beside(speaks),
        tuple(figure for figure in before if faithful(figure) == UNKNOWN),
        tuple(figure for figure in before if faithful(figure) == NO),
    )


def answers(figures: Iterable[Figure]) -> list[Answer]:
    """Return what these figures, all of one case, say of Infinity: an answer for each of their devices."""
    rows = list(figures)
    return [answer(rows, device) for device in dict.fromkeys(row.measurement.device for row in rows)]


def beside(figure: Figure) -> Standing:
    """Return how a figure stands to Infinity's number of its device and length, or why nothing is divided."""
    device, length = figure.measurement.device, figure.measurement.sequence_length
    references = infinity(device)
    if not references:
        return Standing(figure, APART, f"Infinity was never shown on {device}.")
    same = next((reference for reference in references if reference.sequence_length == length), None)
    if not same:
        lengths = " and ".join(str(reference.sequence_length) for reference in references)
        return Standing(figure, APART, f"Infinity's numbers are for {lengths} tokens; this is for {length}.")
    return stand(figure, same)
