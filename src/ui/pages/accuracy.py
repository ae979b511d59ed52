"""What speed costs in accuracy: each engine's answers beside PyTorch FP32's. Measures nothing."""

import pandas as pd
import streamlit as st

from src.accuracy.accuracy_result import Accuracy, EngineAccuracy
from src.accuracy.gate import GATE, HOLDS, MISSES, NOT_PROVEN
from src.accuracy.known_accuracy import STORED
from src.model import ModelError, source
from src.model.fingerprint import NOT_RECORDED
from src.ui import charts, gates, share_charts, tables
from src.ui.commands import draw_command
from src.ui.format import plain
from src.ui.style import known
from src.words import many, moment, significant

COMMAND = "python -m src accuracy --dataset FILE.tsv"


STATES = {HOLDS: "holds for", MISSES: "is missed by", NOT_PROVEN: "is not proven for"}


def describe(result: Accuracy, origin: str) -> str:
    """Return a result's name in a list, which is also its name in the link."""
    where = origin if origin == STORED else "this host"
    return f"{result.dataset}, {result.n:,} sentences, {where}"


def gate_text(engine: EngineAccuracy) -> str:
    """Return what is known of the gate in words; results of earlier versions have no interval."""
    return engine.gate.state if engine.gate else NOT_RECORDED


def as_frame(result: Accuracy) -> pd.DataFrame:
    """Return a row an engine, the most accurate first."""
    rows = []
    for engine in sorted(result.engines, key=lambda engine: -engine.accuracy):
        padding, gate = engine.padding, engine.gate
        rows.append(
            {
                "Engine": known(engine.engine).title,
                "Gate": gate_text(engine),
                "Drop": gate and gate.drop,
                "Drop, low": gate and gate.low,
                "Drop, high": gate and gate.high,
                "To settle": gate and gate.more_sentences,
                "Accuracy": engine.accuracy,
                "Low": engine.ci95[0],
                "High": engine.ci95[1],
                "p": engine.mcnemar_p,
                "Flips": engine.flips,
                "Max Δ": engine.max_abs_delta_logit,
                "Mean Δ": engine.mean_abs_delta_logit,
                "Flips when padded": padding and padding.flips,
                "Max Δ when padded": padding and padding.max_abs_delta_logit,
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def draw_table(result: Accuracy) -> None:
    number = st.column_config.NumberColumn
    padded = next((engine.padding for engine in result.engines if engine.padding), None)
    padding_text = f"{padded.n} sentences padded to {padded.tokens} tokens" if padded else ""
    frame = as_frame(result)
    st.dataframe(
        frame,
        hide_index=True,
        alt="Accuracy of each engine, with intervals, flips and logit differences",
        column_config={
            "Engine": st.column_config.TextColumn(pinned=True),
            "Gate": st.column_config.TextColumn(
                help=f"holds: the drop is below {1 - GATE:.0%} of PyTorch FP32's accuracy, as sure as 95 %; "
                "misses: it is above, as sure; else not proven"
            ),
            "Drop": number(
                format="percent", help="(FP32 − engine) / FP32 of the accuracies; lower is better"
            ),
            "Drop, low": number(format="percent", help="One-sided 95 % bound, by the score method for pairs"),
            "Drop, high": number(
                format="percent", help="One-sided 95 % bound, by the score method for pairs"
            ),
            "To settle": number(help="How many more sentences would settle it, if they went as these did"),
            "Accuracy": number(format="percent", help="Higher is better"),
            "Low": number(format="percent", help="95 % interval (Wilson)"),
            "High": number(format="percent", help="95 % interval (Wilson)"),
            "p": number(
                format="%.3f",
                help="McNemar's exact test against PyTorch FP32: below 0.05 the difference is hardly chance",
            ),
            "Flips": number(help="Sentences with another label than PyTorch FP32's"),
            "Max Δ": number(format="%.2g", help="Largest difference of a logit to PyTorch FP32's"),
            "Mean Δ": number(format="%.2g", help="Mean over sentences of the larger logit difference"),
            "Flips when padded": number(help=f"Labels that change: {padding_text}"),
            "Max Δ when padded": number(format="%.2g", help=f"Largest difference to itself: {padding_text}"),
        },
    )
    tables.draw_downloads(frame, "accuracy")


def draw_flips(result: Accuracy, origin: str) -> None:
    """Show the sentences that an engine labels otherwise, readable."""
    flipping = {engine.engine: engine for engine in result.engines if engine.flipped}
    if not flipping:
        st.info(
            "The sentences are known only of results measured on this host."
            if origin == STORED
            else "No engine labels a sentence otherwise than PyTorch FP32.",
            icon=":material/compare_arrows:",
        )
        return
    chosen = st.selectbox(
        "Engine",
        list(flipping),
        format_func=lambda id: known(id).title,
        key="a_engine",
        bind="query-params",
    )
    engine = flipping[chosen]
    right = sum(flip.given == flip.expected for flip in engine.flipped)
    st.caption(
        f"{many(engine.flips or 0, 'sentence')}; of the {len(engine.flipped)} below this engine has {right} "
        f"right and PyTorch FP32 {len(engine.flipped) - right}."
    )
    st.table(
        pd.DataFrame(
            [
                {
                    "Sentence": plain(flip.text),
                    "Label": flip.expected,
                    "This engine": flip.given + (" ✓" if flip.given == flip.expected else " ✗"),
                    "Δ logit": significant(flip.delta_logit, 2),
                }
                for flip in engine.flipped
            ]
        ).set_index("Sentence"),
        alt="Sentences that this engine labels otherwise than PyTorch FP32",
    )


def draw() -> None:
    """Draw the page."""
    st.title("Accuracy")
    st.markdown(
        "A fast wrong answer is no answer. Each engine reads the same sentences as PyTorch FP32, one at a "
        f"time, as they are timed. Which keep {GATE:.0%} of its accuracy? Where that is not proven, an "
        "engine gives no plain yes to the question of this site."
    )
    try:
        model = source.parse().name
    except ModelError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()
    results = gates.results(model)
    if not results:
        st.info(f"No accuracy is known of the model {plain(model)}. Measure it:", icon=":material/info:")
        st.code(COMMAND, language=None)
        st.stop()
    names = [describe(*result) for result in results]
    chosen = st.selectbox("Data set", names, key="a_dataset", bind="query-params")
    result, origin = results[names.index(chosen)]
    states = {state: [row for row in result.engines if gate_text(row) == state] for state in STATES}
    parts = [f"{verb} {len(states[state])}" for state, verb in STATES.items() if states[state]]
    st.markdown(f"### The gate of {GATE:.0%} {', '.join(parts) or 'is not recorded'}")
    for state, words in ((MISSES, "Below it"), (NOT_PROVEN, "Not proven either way")):
        if states[state]:
            titles = ", ".join(known(row.engine).title for row in states[state])
            st.markdown(f"{words}: {plain(titles)}")
    st.caption(
        f"{plain(model)} · {moment(result.measured_at)} · {plain(result.host.get('cpu', 'not named'))}. "
        "The gate compares the same sentences in pairs; not proven is no miss: more sentences would settle "
        "it."
    )
    gated = any(engine.gate for engine in result.engines)
    st.plotly_chart(
        share_charts.drops(result.engines, 1 - GATE) if gated else share_charts.accuracies(result.engines),
        key="accuracies",
        config=charts.CONFIG,
        alt="How much of PyTorch FP32's accuracy each engine loses, with its bounds, and the gate as a line"
        if gated
        else "Accuracy of each engine with its interval",
    )
    if gated:
        st.caption(
            "Whiskers: one-sided 95 % bounds. Wholly left of the line the gate holds, wholly right of it an "
            "engine misses it."
        )
    draw_table(result)
    st.subheader("Flips", divider="gray")
    draw_flips(result, origin)
    draw_command(
        "Measure it again, or on other sentences",
        f"{COMMAND}   # text<TAB>label, 1 = positive; several are pooled\n"
        "python -m src accuracy                       "
        "# the project's own sentences\n"
        "python -m src accuracy --dataset hub         # SST-2's validation part, where the hub can be "
        "reached",
    )
