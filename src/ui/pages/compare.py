"""The compare page: one run as the base, others beside it, cell by cell; what differs about them first."""

import pandas as pd
import streamlit as st

from src.figures import compare
from src.figures.run import ratio_text
from src.store import runs
from src.store.database import open_store
from src.ui import charts
from src.ui.format import plain
from src.ui.kept_runs import finished_record, finished_run, state_of
from src.ui.shell import explained, the_store
from src.words import many, moment, significant

MOST = 6  # runs beside each other


GREY = "color: #64748B"


COLOURS = {"faster": "color: #1F9568", "slower": "color: #D4477B", "tie": GREY, None: GREY}


def label(run: runs.Listed) -> str:
    name = f"{run.title} · {run.id}" if run.title else run.id
    return f"{name} · {run.host} · {moment(run.started_at)}"


def side(listed: runs.Listed) -> compare.Side:
    run = finished_run(listed)
    return compare.Side(run, finished_record(listed) if run.has_samples else None)


@st.cache_data(max_entries=32, show_spinner="Comparing …")
def compared(base: str, new: str, states: tuple[str, str]) -> compare.Comparison:
    """Return the comparison of two runs that have ended, which are told from others by their states."""
    by_id = {run.id: run for run in runs.listed(open_store(), base, new)}
    return compare.compare(side(by_id[base]), side(by_id[new]))


def changed(change: compare.Change | None) -> str:
    return f"×{ratio_text(change.ratio, change.ci95)}" if change else "–"


def draw_differences(comparison: compare.Comparison) -> None:
    if not comparison.differences:
        st.success("Host, versions, plan and model are the same.", icon=":material/check:")
        return
    frame = pd.DataFrame(
        [
            {"What": difference.what, "Base": plain(str(difference.base)), "New": plain(str(difference.new))}
            for difference in comparison.differences
        ]
    ).set_index("What")
    st.table(frame, alt="What differs between the two runs")


def draw_rows(comparison: compare.Comparison) -> None:
    """Draw the cells that both runs have; what is inside the noise is grey."""
    if not comparison.rows:
        st.info(
            "These runs have no cell in common: other engines, or other cases.", icon=":material/join_inner:"
        )
        return
    frame = pd.DataFrame(
        [
            {
                "Engine": row.title,
                "Case": charts.case_words(row, threads=True),
                "Base, ms": None if row.base_ms is None else significant(row.base_ms),
                "New, ms": None if row.new_ms is None else significant(row.new_ms),
                "New ÷ base": changed(row.latency),
                "Latency": verdict(row.latency),
                "Ratio to baseline, new ÷ base": changed(row.to_baseline),
                "Relative": verdict(row.to_baseline),
            }
            for row in comparison.rows
        ]
    )

    def coloured(line: pd.Series) -> list[str]:
        row = comparison.rows[int(str(line.name))]
        latency, relative = (change.verdict if change else None for change in (row.latency, row.to_baseline))
        styles = dict.fromkeys(
            line.index, GREY if latency in ("tie", None) and relative in ("tie", None) else ""
        )
        styles |= dict.fromkeys(("New ÷ base", "Latency"), COLOURS[latency])
        styles |= dict.fromkeys(("Ratio to baseline, new ÷ base", "Relative"), COLOURS[relative])
        return [styles[name] for name in line.index]

    st.dataframe(
        frame.style.apply(coloured, axis=1),
        hide_index=True,
        height="content",
        key=f"c_rows_{comparison.new}",
        alt="Each cell of both runs, new divided by base",
        column_config={
            "New ÷ base": st.column_config.TextColumn(
                help="Median latency of the new run ÷ the base's, with a 95 % bootstrap interval; below 1 is "
                "faster. Everything counts, the host too."
            ),
            "Ratio to baseline, new ÷ base": st.column_config.TextColumn(
                help="Each run's ratio to its own baseline, compared: a host that was slower as a whole "
                "does not count."
            ),
        },
    )
    floors = sorted({row.noise_floor for row in comparison.rows})
    spread = " to ".join(f"{100 * floor:.1f} %" for floor in dict.fromkeys((floors[0], floors[-1])))
    st.caption(f"Grey: inside the noise (floor {spread}), or no raw samples to judge by.")


def verdict(change: compare.Change | None) -> str:
    if not change:
        return "–"
    return change.verdict or "not judged"


def draw() -> None:
    """Draw the page."""
    st.title("Compare")
    store = the_store()
    with explained():
        listed = [run for run in runs.listed(store) if run.stopped]
        if len(listed) < 2:
            st.info("Two runs that have ended are needed.", icon=":material/compare_arrows:")
            st.page_link("pages/benchmark.py", label="Ask for a run", icon=":material/speed:")
            st.stop()
        by_id = {run.id: run for run in listed}
        # The link has ids: a bound widget would put titles there, which change.
        linked = [id for id in st.query_params.get_all("runs") if id in by_id]
        chosen = st.multiselect(
            "Runs, the base first",
            list(by_id),
            default=list(dict.fromkeys(linked))[:MOST],
            format_func=lambda id: label(by_id[id]),
            max_selections=MOST,
            key="c_runs",
            placeholder="Choose two or more runs",
        )
        st.query_params["runs"] = chosen
        if len(chosen) < 2:
            st.info(
                "Choose the base, then one or more runs to compare with it.", icon=":material/compare_arrows:"
            )
            st.stop()
        base = by_id[chosen[0]]
        st.markdown(f"Base: **{plain(label(base))}**")
        if len({by_id[id].host + by_id[id].cpu for id in chosen}) > 1:
            st.warning(
                "These runs are of different hosts: latencies show the hosts as much as the engines. "
                "The ratios to each run's own baseline travel better.",
                icon=":material/dns:",
            )
        for id in chosen[1:]:
            other = by_id[id]
            st.subheader(plain(label(other)), anchor=False)
            comparison = compared(base.id, id, (state_of(base), state_of(other)))
            count = len(comparison.differences)
            st.markdown(f"**What differs** ({many(count, 'fact')})" if count else "**What differs**")
            draw_differences(comparison)
            draw_rows(comparison)
