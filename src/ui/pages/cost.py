"""What answers cost: measured throughput, a price that you set, and Infinity's licence. Measures nothing."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from src import references
from src.engines import registry
from src.figures.run import Result, Run
from src.references import load, verdict
from src.references.answer import NO, UNKNOWN, YES, faithful
from src.references.cost import HOURS_PER_YEAR, Offer, factor_to_pay, loads
from src.references.reference import Reference, by_id
from src.store import runs
from src.ui import charts, curves
from src.ui.format import plain
from src.ui.kept_runs import finished_run
from src.ui.shell import the_store
from src.ui.style import known
from src.words import moment, ms, significant

OWN = "a price of my own"


DEFAULT_INSTANCE = "aws-c6i-xlarge-price"  # two physical cores, as Infinity's demo had


LICENCES = {
    "per machine and model": ("infinity-price-per-year", "as a presenter told, by ELS-RD"),
    "per CPU": ("infinity-price-per-cpu-year", "in the write-up only"),
}


ACCURACY = {
    NO: "This engine misses the accuracy gate: its answers are worth less than FP32's.",
    UNKNOWN: "This engine's accuracy is not proven here: its answers may be worth less than FP32's.",
}


def dollars(value: float) -> str:
    """Return an amount in USD: $0.0123, $12.30, $1,230."""
    text = f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}" if value >= 1 else f"{value:.3g}"
    return f"${text}"


def instances() -> list[Reference]:
    return [row for row in load() if row.statistic == "price" and row.unit == "USD/h"]


def ask_price() -> float:
    """Ask what the machine costs an hour, in USD."""
    rows = {row.id: row for row in instances()}
    chosen = st.selectbox(
        "Machine",
        [*rows, OWN],
        index=list(rows).index(DEFAULT_INSTANCE),
        format_func=lambda id: OWN if id == OWN else f"{rows[id].hardware}: {rows[id].value:g} USD/h",
        key="c_machine",
        bind="query-params",
    )
    if chosen == OWN:
        return st.number_input(
            "USD per hour", min_value=0.0, value=0.17, step=0.01, key="c_price", bind="query-params"
        )
    row = rows[chosen]
    st.markdown(f":small[{plain(row.source)}, {row.published} · [source]({row.url}) · {plain(row.note)}]")
    return row.value


def is_best(row: Result, spoken: references.Answer) -> bool:
    """Tell whether a result is that of the engine which answers the question."""
    return spoken.best is not None and row.engine == spoken.best.engine


def measured(run: Run, length: int) -> list[Result]:
    """Return the results of a run in scope pipeline at this length, fastest first."""
    rows = [verdict.find(run, engine, length, "pipeline") for engine in run.engines]
    kept = [
        row
        for row in rows
        if row and row.throughput_per_s and not row.invalid and row.engine != registry.NULL
    ]
    return sorted(kept, key=lambda row: -(row.throughput_per_s or 0.0))


@dataclass(frozen=True)
class Chosen:
    """What was measured and is paid for: a listed run, its results of one length, and the one chosen."""

    listed: runs.Listed
    length: int
    result: Result

    @property
    def title(self) -> str:
        return known(self.result.engine).title


def draw() -> None:
    """Draw the page."""
    st.title("What it costs")
    kept = [entry for entry in runs.listed(the_store()) if entry.stopped and entry.rounds]
    measured_here = [(entry, finished_run(entry)) for entry in kept[:20]]
    usable = [
        (entry, run) for entry, run in measured_here if any(row.scope == "pipeline" for row in run.results)
    ]
    if not usable:
        st.info(
            "Costs follow from a run with scope pipeline, and none is kept yet. Measure one:",
            icon=":material/info:",
        )
        st.code("python -m src bench --preset writeup", language=None)
        st.stop()
    left, middle, right = st.columns(3)
    with left:
        chosen = choose(usable)
    with middle:
        price, streams, used = ask_machine()
    with right:
        licence_usd, infinity_ms = ask_infinity(chosen)
    stock = Offer((chosen.result.throughput_per_s or 0.0) * streams, price, 0.0, used / 100)
    licensed = Offer(1000 / infinity_ms * streams, price, licence_usd, used / 100)
    draw_costs(chosen, stock, licensed)


def choose(usable: list[tuple[runs.Listed, Run]]) -> Chosen:
    """Let somebody choose run, length and engine; the engine that answers the question comes first."""
    ids = [entry.id for entry, _ in usable]
    preferred = runs.preferred([entry for entry, _ in usable]).id
    st.markdown("**Measured**")
    id = st.selectbox("Run", ids, index=ids.index(preferred), key="c_run", bind="query-params")
    listed, run = usable[ids.index(id)]
    if listed.source == "imported":
        st.caption(":material/upload: From a file: measured on another host")
    lengths = sorted({row.sequence_length for row in run.results if row.scope == "pipeline"})
    length = st.segmented_control(
        "Tokens", lengths, default=lengths[0], required=True, key="c_tokens", bind="query-params"
    )
    rows = measured(run, length)
    if not rows:
        st.info("Nothing in this run counts at this length. Choose another run.", icon=":material/info:")
        st.stop()
    spoken = references.answer(references.figures(run, rows))
    best = next((number for number, row in enumerate(rows) if is_best(row, spoken)), 0)
    engine = st.selectbox(
        "Engine",
        [row.engine for row in rows],
        index=best,
        format_func=lambda id: known(id).title,
        key="c_engine",
        bind="query-params",
    )
    row = next(row for row in rows if row.engine == engine)
    accuracy = faithful(references.figures(run, [row])[0])
    if accuracy != YES:
        st.warning(ACCURACY[accuracy], icon=":material/target:")
    st.caption(
        f"{significant(row.throughput_per_s or 0.0)} texts/s: one at a time, {row.threads} threads, derived "
        f"from the mean of {ms(row.mean_ms or 0.0)}, {moment(listed.started_at)}"
    )
    return Chosen(listed, length, row)


def ask_machine() -> tuple[float, int, int]:
    """Ask for the machine's price in USD an hour, the workers on it, and its utilisation in percent."""
    st.markdown("**The machine**")
    price = ask_price()
    streams = st.number_input(
        "Workers on it",
        min_value=1,
        value=1,
        key="c_workers",
        bind="query-params",
        help="How many such workers fit on the machine side by side. It is taken that they do not slow each "
        "other, which is for you to check.",
    )
    used = st.slider(
        "Utilisation, %",
        1,
        100,
        50,
        key="c_used",
        bind="query-params",
        help="Which share of its capacity the load uses, over the year. An assumption without a source: set "
        "your own.",
    )
    return price, streams, used


def ask_infinity(chosen: Chosen) -> tuple[float, float]:
    """Ask for Infinity's licence in USD a year, and its latency in ms."""
    st.markdown("**Infinity**")
    unit = st.segmented_control(
        "Licence",
        list(LICENCES),
        default="per machine and model",
        required=True,
        key="c_licence",
        bind="query-params",
        help="Sources disagree about what $20,000 a year is paid for.",
    )
    licence, note = by_id(LICENCES[unit][0]), LICENCES[unit][1]
    amount = st.number_input(
        "USD a year", min_value=0, value=int(licence.value), step=1000, key="c_amount", bind="query-params"
    )
    cpus = (
        st.number_input("CPUs of the machine", 1, 128, 2, key="c_cpus", bind="query-params")
        if unit == "per CPU"
        else 1
    )
    st.markdown(
        f":small[“At least”, {note}, {licence.published} · [source]({licence.url}). No price page of Hugging "
        "Face was found.]"
    )
    length = chosen.length
    stated = by_id(f"infinity-cpu-{length}").value if length in verdict.LENGTHS else None
    infinity_ms = st.number_input(
        "Its latency, ms",
        min_value=0.01,
        value=stated or float(chosen.result.mean_ms or 0.01),
        key=f"c_latency_{length}",
        bind="query-params",
        help="Stated for 16 and 128 tokens; for other lengths it starts as fast as the engine beside it.",
    )
    st.caption(
        "Its throughput is taken as 1000 ÷ latency, on the same machine at the same price: derived, not "
        "published."
    )
    return float(amount * cpus), infinity_ms


def draw_costs(chosen: Chosen, stock: Offer, licensed: Offer) -> None:
    """Draw what both cost: a million answers, a machine for a year, and the year by its load."""
    factor = factor_to_pay(stock, licensed)
    st.markdown(
        f"### A million answers cost {dollars(stock.per_million)} with {plain(chosen.title)} and "
        f"{dollars(licensed.per_million)} with Infinity".replace("$", "\\$")
    )
    if factor > 1:
        st.markdown(
            f"To cost as little, Infinity would have to answer **{significant(factor)} times** as fast as it "
            "was shown to, on this machine and at this utilisation."
        )
    else:
        st.markdown("With these inputs Infinity costs no more.")
    table = pd.DataFrame(
        {
            chosen.title: [stock.per_million, stock.machine_per_year, stock.requests_per_year / 1e6],
            "Infinity": [licensed.per_million, licensed.machine_per_year, licensed.requests_per_year / 1e6],
        },
        index=["USD per million answers", "USD a year for one machine", "Million answers a year on it"],
    )
    st.table(table.map(lambda value: significant(value, 4)), alt="Costs of both")
    offers = {chosen.title: stock, "Infinity (stored latency)": licensed}
    st.plotly_chart(
        curves.costs(offers, loads(), chosen.result.engine),
        key="costs",
        config=charts.CONFIG,
        alt="Yearly cost against requests a year, in whole machines, for the stock engine and for Infinity",
    )
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            table.to_csv(),
            file_name="cost.csv",
            on_click="ignore",
            key="cost csv",
            icon=":material/download:",
        )
    st.caption(
        f"A year has {HOURS_PER_YEAR:,.0f} hours. Machines are whole: a small load pays for one anyway. Left "
        "out, as nobody stated them: people's time, data transfer, support, discounts. Infinity was "
        "discontinued in December 2022."
    )
