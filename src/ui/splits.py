"""What came from hardware, from the release and from the file since 2021."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from src.figures.run import Run
from src.references import verdict
from src.references.verdict import SAME_FILE, Split
from src.ui.commands import draw_command
from src.ui.style import known


def draw_splits(run: Run) -> None:
    """Draw what came from hardware and what from software, where 2021's stack ran beside today's."""
    splits = verdict.splits(run)
    if not splits:
        st.info(
            "The stack of 2021 did not run in this run. With it, the change since 2021 splits into "
            "software and hardware.",
            icon=":material/history:",
        )
        draw_command("The command that makes it", "make 2021")
        return
    draw_table(splits)
    st.caption(
        "2021's software was published as a mean of 100 calls without classifier and mask; here it has "
        "both. “Hardware” holds that too, and how well libraries of 2021 know this CPU: the matrix library "
        "in torch 1.9.0 is tuned for Intel's."
    )
    apart = [f"{split.runtime}-{split.precision}" for split in splits if split.release is None]
    engines = [
        id for row in dict.fromkeys(apart) if row in SAME_FILE for id in (f"2021-{row}", SAME_FILE[row], row)
    ]
    if engines:
        st.caption("“Software” is “Release” × “File” where the file of 2021 ran in today's release, too:")
        st.code(f"python -m src bench --engines {','.join(engines)} --scope model", language=None)


def draw_table(splits: Sequence[Split]) -> None:
    """Draw the latencies and the factors, a row for each runtime, precision and length."""
    frame = pd.DataFrame(
        [
            {
                "Runtime": known(f"{split.runtime}-{split.precision}").title,
                "Tokens": split.length,
                "2021 on 2021's host": split.published_ms,
                "2021 on this host": split.then_ms,
                "2021's file today": split.same_file_ms,
                "Today on this host": split.now_ms,
                "Hardware": split.hardware,
                "Software": split.software,
                "Release": split.release,
                "File": split.file,
                "Together": split.whole,
            }
            for split in splits
        ]
    )
    factors = {
        "Hardware": "2021's software here ÷ as published: below 1, this host is faster",
        "Software": "Today's ÷ 2021's, both here: below 1, the software got faster",
        "Release": "The same file of 2021, in today's release ÷ in that of 2021: the runtime's own part",
        "File": "Today's file ÷ 2021's, both in today's release: what exporting and quantising changed",
        "Together": "The product of the two",
    }
    number = st.column_config.NumberColumn
    latencies = {
        name: number(f"{name}, ms", format="%.2f", help="Lower is better") for name in frame.columns[2:6]
    }
    st.dataframe(
        frame,
        hide_index=True,
        alt="Latency of 2021's software then and here, of today's here, and the factors",
        column_config=latencies
        | {name: number(format="×%.2f", help=meaning) for name, meaning in factors.items()},
    )
