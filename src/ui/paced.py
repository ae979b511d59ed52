"""Back to back and one request each half second, beside Infinity: the paced cells of a run."""

import pandas as pd
import streamlit as st

from src.figures import report
from src.figures.run import PacedCell, Result, Run
from src.references.pacing import Paced, paced_cells
from src.ui.format import plain
from src.ui.style import known
from src.words import interval, ms, significant, times

ABOUT = (
    "Infinity's demo sent one request each half second; benchmark loops call back to back, which is another "
    "question with another answer. Infinity's numbers stand beside both."
)


def draw_paced(run: Run) -> None:
    """Draw a run's paced cells, or what would measure them."""
    cells = paced_cells(run)
    if not cells:
        st.info(
            "This run has no paced cells. The preset **writeup** measures them: the baseline and the two "
            "fastest engines, one request each half second.",
            icon=":material/timer:",
        )
        return
    st.markdown(ABOUT)
    st.table(
        pd.DataFrame([line(cell) for cell in cells]).set_index("Tokens, engine"),
        alt="Latency back to back and with a pause before each request, beside Infinity's",
    )
    st.caption(
        "Scope pipeline, median of the round medians with their interval, ms; lower is better. "
        f"Each request after a pause of {cells[0].paced.pace_s:g} s, the process alone and idle meanwhile. "
        + report.paced_speed(run)
    )


def line(cell: Paced) -> dict[str, str]:
    """Return one paced cell as a row of the table."""
    return {
        "Tokens, engine": f"{cell.paced.sequence_length}, {plain(known(cell.paced.engine).title)}",
        "Back to back": figure(cell.back_to_back, cell.back_to_back_ratio),
        "One request each half second": figure(cell.paced, cell.paced_ratio),
        "Slower by": times(cell.slower),
        "Infinity, stated": ms(cell.reference.value) if cell.reference else "–",
    }


def figure(row: Result | PacedCell, ratio: float | None) -> str:
    spread = f" ({interval(*row.median_ci95_ms)})" if row.median_ci95_ms else ""
    beside = f" · {times(ratio)} of Infinity" if ratio is not None else ""
    word = "" if row.verdict == "valid" else f" :orange-badge[{row.verdict}]"
    return f"**{significant(row.median_ms or 0.0)}**{spread}{beside}{word}"
