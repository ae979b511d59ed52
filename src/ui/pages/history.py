"""The history page: every kept run, found, opened, renamed, deleted; any engine's latency over time."""

import hashlib

import pandas as pd
import streamlit as st

from src.bench.plan import Case
from src.limits import limits
from src.search import search_file
from src.store import runs, transfer, trends
from src.store.database import Store
from src.ui import charts, curves
from src.ui.format import plain
from src.ui.shell import explained, the_store
from src.words import many, moment

STATES = {
    None: "being measured",
    "precision": "complete",
    "budget": "complete",
    "interrupted": "interrupted",
    "unfinished": "killed",
    "failed": "failed",
    "table": "table",
}


def verdict(run: runs.Listed) -> str:
    """Return a run's verdict in a word."""
    if run.stopped is None or run.noisy is None:
        return "–"
    return "noisy" if run.noisy else "valid"


def frame_of(listed: list[runs.Listed]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Run": run.title or run.id,
                "Started (UTC)": moment(run.started_at),
                "Verdict": verdict(run),
                "State": STATES.get(run.stopped, "ended")
                + (", imported" if run.source == "imported" else ""),
                "Host": f"{run.host} · {run.cpu}, {many(run.cpus, 'CPU')}" if run.cpus else run.host,
                "Preset": run.preset or "own plan",
                "Rounds": run.rounds,
                "Samples": run.samples,
                "Model": run.model,
                "torch": run.versions.get("torch"),
                "onnxruntime": run.versions.get("onnxruntime"),
                "Commit": run.commit,
            }
            for run in listed
        ]
    )


def filtered(listed: list[runs.Listed]) -> list[runs.Listed]:
    """Return the runs that the filters leave."""
    with st.container(horizontal=True):
        words = st.text_input(
            "Search",
            key="h_search",
            bind="query-params",
            placeholder="title, id, host, CPU, model, version",
            icon=":material/search:",
        )
        hosts = sorted({run.host for run in listed})
        host = st.selectbox(
            "Host", hosts, index=None, placeholder="all hosts", key="h_host", bind="query-params"
        )
        kinds = st.pills(
            "Show",
            ["valid", "noisy", "imported", "not complete"],
            selection_mode="multi",
            key="h_show",
            bind="query-params",
        )

    def is_kind(run: runs.Listed, kind: str) -> bool:
        if kind == "imported":
            return run.source == "imported"
        if kind == "not complete":
            return STATES.get(run.stopped) not in ("complete", "table")
        return verdict(run) == kind

    def wanted(run: runs.Listed) -> bool:
        text = " ".join(
            [run.id, run.title or "", run.host, run.cpu, run.model, run.preset, run.commit or ""]
            + [f"{name} {version}" for name, version in run.versions.items()]
        ).lower()
        return (
            all(word in text for word in words.lower().split())
            and (not host or run.host == host)
            and (not kinds or any(is_kind(run, kind) for kind in kinds))
        )

    return [run for run in listed if wanted(run)]


def draw_actions(store: Store, chosen: list[runs.Listed]) -> None:
    """Offer what can be done with the chosen runs."""
    first = chosen[0]
    with st.container(horizontal=True):
        if len(chosen) == 1:
            st.page_link(
                "pages/benchmark.py",
                label="Open",
                query_params={"run": first.id},
                icon=":material/open_in_new:",
            )
        else:
            st.page_link(
                "pages/compare.py",
                label=f"Compare these {len(chosen)}",
                query_params={"runs": [run.id for run in reversed(chosen)]},
                icon=":material/compare_arrows:",
            )
        if len(chosen) == 1 and limits().changes:
            st.button(
                "Rename", icon=":material/edit:", key="rename", on_click=ask_for, args=("rename", [first.id])
            )
        if limits().changes:
            st.button(
                "Delete",
                icon=":material/delete:",
                key="delete",
                on_click=ask_for,
                args=("delete", [run.id for run in chosen]),
            )


def ask_for(what: str, ids: list[str]) -> None:
    st.session_state.h_dialog = (what, ids)


@st.dialog("Rename this run")
def rename_dialog(store: Store, run: runs.Listed) -> None:
    title = st.text_input(
        "Title", run.title or "", max_chars=runs.LONGEST_TITLE, key="rename_title", help="Empty: its id."
    )
    if st.button("Save", key="rename_save"):
        with explained():
            runs.rename(store, run.id, title)
            st.rerun()


@st.dialog("Delete for good?")
def delete_dialog(store: Store, chosen: list[runs.Listed]) -> None:
    for run in chosen[:10]:
        st.markdown(f"- **{plain(run.title or run.id)}**, {many(run.samples, 'sample')}")
    st.caption("Its raw samples go as well. Nothing brings them back, unless you have exported it.")
    if st.button(
        f"Delete {many(len(chosen), 'run')}",
        key="delete_yes",
        icon=":material/delete_forever:",
    ):
        with explained():
            for run in chosen:
                runs.remove(store, run.id)
            st.rerun()


def draw_upload(store: Store) -> None:
    if not limits().changes:
        return
    with st.expander("Add a run from a file", icon=":material/upload:"):
        given = st.file_uploader(
            "A run's JSON (from bench or export), ONNX Runtime's benchmark CSV, or a search's zip",
            type=["json", "jsonl", "csv", "zip"],
            key="h_upload",
            max_upload_size=transfer.LARGEST_MB,
            help=f"At most {transfer.LARGEST_MB} MB. It joins as a run marked imported.",
        )
    if not given:
        return
    taken = st.session_state.get("h_taken")
    if not taken or taken["file"] != given.file_id:
        taken = {"file": given.file_id, "id": "", "said": "", "search": False}
        try:
            taken["id"], new, taken["search"] = search_file.keep_file(store, given.getvalue(), given.name)
            taken["said"] = f"Added as {taken['id']}." if new else f"It is here already, as {taken['id']}."
        except (transfer.BadRun, search_file.BadSearchFile) as error:
            taken["said"] = str(error)
        st.session_state.h_taken = taken
        if taken["id"]:
            st.rerun()  # the list above has it now
    if taken["id"]:
        st.success(plain(taken["said"]), icon=":material/check:")
        kind = "search" if taken["search"] else "run"
        st.page_link(
            "pages/find.py" if taken["search"] else "pages/benchmark.py",
            label="Open it",
            query_params={kind: taken["id"]},
            icon=":material/open_in_new:",
        )
    else:
        st.error(plain(taken["said"]), icon=":material/error:")


def draw_trend(store: Store) -> None:
    """Draw the latency of any engine and case over time."""
    st.subheader("Over time", anchor=False)
    engines = trends.engines(store)
    if not engines:
        st.info("The first run that ends gives the first point.", icon=":material/show_chart:")
        return
    left, right = st.columns(2)
    first = "onnxruntime-int8" if "onnxruntime-int8" in engines else next(iter(engines))
    engine = left.selectbox(
        "Engine",
        list(engines),
        index=list(engines).index(first),
        format_func=lambda id: engines[id],
        key="h_engine",
        bind="query-params",
    )
    cases = {str(case): case for case in trends.cases(store, engine)}
    if not cases:
        return
    name = right.selectbox("Case", list(cases), key="h_case", bind="query-params")
    case: Case = cases[name]
    points = trends.trend(store, engine, case)
    if not points:
        st.info("This engine has no median of this case.", icon=":material/show_chart:")
        return
    st.plotly_chart(
        curves.trend(points),
        key="h_trend",
        config=charts.CONFIG,
        alt=f"Median latency of {engines[engine]} over {len(points)} runs, a line per host",
    )
    st.caption(
        "A line per host, weights, artifact and runtime: what differs in them is not one series. "
        "Whiskers: 95 % intervals. "
        "×: not judged valid; hollow: imported."
    )


def draw() -> None:
    """Draw the page."""
    st.title("History")
    store = the_store()
    with explained():
        listed = runs.listed(store)
        if not listed:
            st.info("No run is kept yet.", icon=":material/history:")
            st.page_link("pages/benchmark.py", label="Ask for the first one", icon=":material/speed:")
        else:
            shown = filtered(listed)
            if not shown:
                st.info("No run fits these filters.", icon=":material/filter_alt_off:")
            else:
                # A selection is of row numbers: other rows are another table.
                rows = hashlib.sha256(" ".join(run.id for run in shown).encode()).hexdigest()[:8]
                event = st.container(key="h_list").dataframe(
                    frame_of(shown),
                    hide_index=True,
                    on_select="rerun",
                    selection_mode="multi-row",
                    key=f"h_table_{rows}",
                    alt="Kept runs, newest first",
                    column_config={
                        "Run": st.column_config.TextColumn(pinned=True, width="medium"),
                        "Samples": st.column_config.NumberColumn(format="localized"),
                    },
                )
                picked = [shown[row] for row in event.selection.rows if row < len(shown)]
                if picked:
                    draw_actions(store, picked)
                else:
                    st.caption(
                        f"{many(len(shown), 'run')} of {len(listed)}. Select one to open, rename or delete "
                        "it; several to compare."
                    )
        draw_upload(store)
        if listed:
            draw_trend(store)
        dialog = st.session_state.pop("h_dialog", None)
        if dialog and limits().changes:
            what, ids = dialog
            meant = [run for run in listed if run.id in ids]
            if meant and what == "rename":
                rename_dialog(store, meant[0])
            elif meant:
                delete_dialog(store, meant)
