"""The home page: type a sentence, see every stock engine's latency beside Infinity's stored numbers."""

import json

import streamlit as st

from src import references
from src.bench.plan import QUICK
from src.bench.sentence_result import SentenceResult, from_json
from src.engines import registry
from src.host import machine
from src.limits import disclosed, hosted, limits
from src.model import ModelError, source
from src.ui import charts, tables
from src.ui.format import plain
from src.ui.measuring import measurer, wait
from src.ui.plan_form import asker, draw_missing, thread_choices
from src.ui.shell import PRODUCT
from src.ui.spoken import draw_spoken
from src.ui.stored import draw_stored
from src.words import ms

DEMO_16 = "This Live-event is great. I will sign up for Infinity."


# Infinity's other demo text as it can be read off the video is 127 tokens long; our last word makes it 128.
DEMO_128 = (
    "Hugging Face, the winner of VentureBeat's Innovation in Natural Language Process/Understanding Award "
    "for 2021, is looking to level the playing field. The team, launched by Clément Delangue and Julien "
    "Chaumond in 2016. Today, Hugging Face has expanded to become a robust NLP startup, known primarily for "
    "making open-source software such as Transformers and Datasets, used for building NLP systems. “The "
    "software Hugging Face develops can be used for classification, question answering, translation, and "
    "many other NLP tasks,” Rush said. Hugging Face also hosts a range of pretrained NLP models today."
)


EXAMPLES = {
    "16 tokens": (DEMO_16, "The first text of Infinity's launch demo"),
    "128 tokens": (DEMO_128, "Infinity's second demo text, one word longer to be 128 tokens"),
}


FEW = 8  # engines, which load in a quarter of a minute


def put_example(text: str) -> None:
    st.session_state.sentence = text


def first_look(available: list[str]) -> list[str]:
    """Return the engines that a first sentence is measured with: all where there are few, else those that
    load within seconds and that people ask for first.
    """
    return available if len(available) <= FEW else [id for id in available if id in QUICK]


def choose_all(available: list[str]) -> None:
    st.session_state.engines = available


def measure(text: str, engines: list[str], threads: int) -> SentenceResult | str:
    """Return the answer, or why there is none. The result is kept for this session's reruns."""
    question = (text, tuple(engines), threads)
    kept = st.session_state.get("kept")
    if kept and kept[0] == question:
        return kept[1]
    ticket = measurer().ask(text, engines, threads, asker())
    wait(ticket)
    result = from_json(ticket.answer) if ticket.answer else ticket.error or ""
    st.session_state.kept = (question, result)
    return result


def draw_answer(answer: SentenceResult) -> None:
    stored = references.beside(answer)
    payload = disclosed({**answer.to_json(), "references": [side.to_json() for side in stored]})
    comparable = next((side for side in stored if side.comparisons["pipeline"].comparable), None)
    for spoken in references.answers(references.figures_of_sentence(answer)):
        draw_spoken(spoken)
    draw_warnings(answer)
    if not answer.engines:
        st.info(
            "No engine could be measured. The reasons are above; `python -m src doctor` checks the "
            "installation."
        )
        return
    fastest = answer.fastest_first[0]
    st.plotly_chart(
        charts.latency_bars(answer.fastest_first, [side.reference for side in stored]),
        key="bars",
        config=charts.CONFIG,
        alt=f"Latency by engine. {registry.get(fastest.engine).title} is fastest with "
        f"{ms(fastest.pipeline.median_ms)}; Infinity's stored numbers are lines.",
    )
    st.caption(
        "Solid: **model**, token ids in, logits out. Pale: **pipeline**, text in, label out, which is what "
        "Infinity's numbers enclose. Whiskers: the lowest and highest of "
        f"{fastest.pipeline.rounds} interleaved rounds. Δ: largest difference of a logit to "
        "PyTorch FP32."
    )
    st.table(tables.latencies(answer, comparable), alt="Latency, ratios and answer of each engine")
    left, right = st.columns(2, vertical_alignment="center")
    with left:
        draw_stored([(side.reference, side.comparisons["pipeline"]) for side in stored])
    right.download_button(
        "JSON",
        json.dumps(payload, indent=2, ensure_ascii=False),
        file_name="sentence.json",
        mime="application/json",
        on_click="ignore",
        key="json",
        icon=":material/download:",
        help="Everything behind this page: medians, intervals, logits, facts of each engine and of the host.",
    )
    draw_conditions(answer)


def draw_warnings(answer: SentenceResult) -> None:
    """Say what must be known before a figure is read: noise, a cut text, other labels, failures."""
    if answer.noise.noisy:
        st.warning(plain(answer.noise.reason), title="Noisy", icon=":material/warning:")
    if answer.truncated:
        st.warning(
            "The model reads 512 tokens at most: the rest of this text was cut off.",
            icon=":material/content_cut:",
        )
    differing = [registry.get(row.engine).title for row in answer.fastest_first if row.agrees is False]
    if differing:
        st.warning(
            f"{', '.join(differing)}: another label than PyTorch FP32.", icon=":material/compare_arrows:"
        )
    for failure in answer.failures:
        title = registry.get(failure.engine).title
        st.error(f"**{plain(title)} failed.** {plain(failure.reason)}", icon=":material/error:")


def draw_conditions(answer: SentenceResult) -> None:
    facts, noise = answer.host, answer.noise
    st.caption(
        f"{answer.tokens} tokens · {answer.threads} threads · {plain(answer.model['name'])} · "
        f"{plain(facts['cpu'])}, {facts['physical_cores']} cores, {facts['memory_gb']:g} GB · "
        f"{answer.measured_at} · other processes, this browser among them if it is here, used "
        f"{noise.others_cores:.2f} cores meanwhile{own_part(noise.app_cores)}"
    )


def own_part(app_cores: float | None) -> str:
    return "" if app_cores is None else f", this app {app_cores:.2f} of them"


def model_name() -> str:
    """Return the name of the model in use. Where it cannot be used, the reason comes with the measurement."""
    try:
        return source.parse().name
    except ModelError:
        return "the configured one cannot be used"


def draw() -> None:
    """Draw the page."""
    st.title(PRODUCT)
    st.markdown(
        "In 2021 Hugging Face Infinity answered in 2.6 ms (16 tokens) and 9.7 ms (128 tokens) on two CPU "
        "cores, for at least \\$20,000 a year. Type a sentence: each engine below, free of charge, is "
        "measured live on this host."
    )
    st.caption(f"Model: {plain(model_name())}")
    if "sentence" not in st.session_state and "sentence" not in st.query_params:
        # By state and not as the widget's default, as the example buttons write the state too.
        put_example(DEMO_16)
    text = st.text_input(
        "Sentence",
        key="sentence",
        bind="query-params",
        help="English works best: the model was trained on film reviews. Enter measures it.",
    )
    available = [spec.id for spec in registry.available()]
    again = draw_buttons(available)
    with st.expander("Engines and threads", icon=":material/tune:"):
        chosen, threads = choose(available)
    if again:
        st.session_state.pop("kept", None)
    results = st.container()
    draw_missing()  # before the results, which may take a while
    if not chosen:
        results.info(
            "No engine is chosen. Choose at least one under “Engines and threads”.", icon=":material/tune:"
        )
        return
    with results:
        result = measure(text or "", chosen, threads)
        if isinstance(result, str):
            st.error(plain(result), icon=":material/error:")
        else:
            draw_answer(result)


def draw_buttons(available: list[str]) -> bool:
    """Draw what can be measured at a click; tell whether the same is to be measured again."""
    with st.container(horizontal=True):
        again = st.button("Measure", icon=":material/speed:", key="measure")
        for name, (example, origin) in EXAMPLES.items():
            st.button(
                f"Example: {name}", on_click=put_example, args=(example,), help=origin, key=f"example {name}"
            )
        if first_look(available) != available and len(available) <= limits().engines:
            st.button(
                f"All {len(available)} engines",
                on_click=choose_all,
                args=(available,),
                key="all_engines",
                icon=":material/select_all:",
                help="Loading them takes a minute or two the first time. Single ones: under “Engines and "
                "threads”.",
            )
    return again


def choose(available: list[str]) -> tuple[list[str], int]:
    """Let somebody choose the engines and their threads."""
    chosen = st.pills(
        "Engines",
        available,
        selection_mode="multi",
        default=first_look(available),
        format_func=lambda id: registry.get(id).title,
        key="engines",
        bind="query-params",
    )
    threads = st.segmented_control(
        "Threads of each engine",
        [machine.default_threads()] if hosted() else thread_choices(),
        default=machine.default_threads(),
        required=True,
        key="threads",
        bind="query-params",
        help="Infinity's demo used two.",
    )
    for id in available:
        st.caption(f"**{registry.get(id).title}**: {plain(' '.join(registry.notes(registry.get(id))))}")
    return chosen, threads
