"""How far something is of which only its usual time is known."""

from collections.abc import Callable

from streamlit.delta_generator import DeltaGenerator

from src.words import duration

MOST = 0.95  # of the bar, until it is done


def usual_time(
    bar: DeltaGenerator, text: str, usual_s: float, done: int = 0, of: int = 1
) -> Callable[[float], None]:
    """Return what draws the seconds that have passed of the usual ones, as one part of a bar of which `done`
    of `of` parts are done.
    """

    def tell(passed_s: float) -> None:
        share = (done + min(MOST, passed_s / usual_s)) / of
        bar.progress(share, f"{text}: {duration(passed_s)}, usually {duration(usual_s)}")

    return tell
