"""The form that asks for a benchmark: which engines, which cases, how precise, how long it will take."""

import hashlib
import json
import secrets
import time
from dataclasses import asdict, replace

import streamlit as st

from src.bench import inputs, plan
from src.bench.plan import Plan
from src.engines import registry
from src.errors import Explained
from src.host import machine
from src.jobs import queue
from src.jobs.tokens import new_token
from src.limits import hosted, limits, told
from src.model import source
from src.store import costs
from src.store.database import Store
from src.ui import tables
from src.ui.format import plain
from src.ui.shell import explained, user
from src.words import duration, many

LENGTHS = (8, 16, 32, 64, 128, 256, inputs.LONGEST)
BATCHES = (1, 2, 4, 8, 16, 32)
PRECISIONS = {"±1 %": 0.01, "±2 %": 0.02, "±5 %": 0.05, "±10 %": 0.1}
BLOCKS = ("1", "3", "5")
PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
PACES = {"None": 0.0, "50 ms": 0.05, "500 ms": 0.5}
KEYS = (
    *("b_engines", "b_tokens", "b_batch", "b_threads", "b_scope"),
    *("b_precision", "b_tail", "b_budget", "b_pace", "b_blocks"),
)
DOUBLE_CLICK_S = 3.0  # a click on the same plan within so long is the same click


def preset_names() -> list[str]:
    """Return the presets that may be asked for here."""
    return [name for name in plan.PRESETS if plan.preset(name).budget_s <= limits().budget_s]


def put_preset(name: str | None) -> None:
    """Set every widget of the form to a preset's plan."""
    if not name:
        return
    chosen = plan.preset(name)
    answering = [spec.id for spec in registry.available()]
    label = {value: name for name, value in PRECISIONS.items()}
    values = {
        "b_engines": [id for id in chosen.engines if id in answering],
        "b_tokens": list(chosen.sequence_lengths),
        "b_batch": list(chosen.batch_sizes),
        "b_threads": list(chosen.threads),
        "b_scope": list(chosen.scopes),
        "b_precision": label.get(chosen.precision, "±2 %"),
        "b_tail": f"p{chosen.percentile}",
        "b_blocks": str(chosen.blocks) if str(chosen.blocks) in BLOCKS else BLOCKS[0],
        "b_budget": int(chosen.budget_s),
        "b_pace": "None",
    }
    st.session_state.update(values)


def preset_chosen() -> None:
    put_preset(st.session_state.get("b_preset"))


def fill_in() -> None:
    """Give the widgets that neither the link nor somebody has set the values of the first preset."""
    given = {key: st.session_state[key] for key in KEYS if key in st.session_state}
    linked = [key for key in KEYS if key in st.query_params and key not in given]
    put_preset("quick")
    st.session_state.update(given)
    for key in linked:
        if key == "b_budget":  # out of its range the widget would take the least
            st.session_state.b_budget = within(st.query_params[key], st.session_state.b_budget)
        else:
            st.session_state.pop(key, None)  # the widget reads the link
    st.session_state.b_preset = None if linked else chosen_preset()


def within(text: str, otherwise: int) -> int:
    """Return the budget in a link, within what may be asked for here."""
    if not text.isdecimal():
        return otherwise
    return min(max(int(text[:9]), int(plan.LEAST_BUDGET_S)), int(limits().budget_s))


def chosen_preset() -> str | None:
    """Return the preset whose plan the widgets have."""
    form_plan = read_plan()
    return next((name for name in preset_names() if same(form_plan, plan.preset(name))), None)


def read_plan() -> Plan:
    """Return the plan that the widgets have; what a link has wrong is as in the first preset."""
    state = st.session_state
    return Plan(
        engines=(*state.b_engines, registry.NULL) if state.b_engines else (),
        sequence_lengths=tuple(state.b_tokens),
        batch_sizes=tuple(state.b_batch),
        threads=tuple(state.b_threads),
        scopes=tuple(state.b_scope),
        budget_s=float(state.b_budget),
        percentile=PERCENTILES.get(state.b_tail, 90),
        precision=PRECISIONS.get(state.b_precision, plan.DEFAULT_PRECISION),
        pace_s=PACES.get(state.b_pace, 0.0),
        blocks=int(state.b_blocks) if state.b_blocks in BLOCKS else 1,
    )


def thread_choices() -> list[int]:
    """Return 1, 2, 4 … and all CPUs that may be used here."""
    usable = machine.usable_cpus()
    return sorted({1, usable, *(2**power for power in range(usable.bit_length()) if 2**power <= usable)})


def draw_form(store: Store) -> None:
    """Draw the form; a click on Run queues its plan and shows the job."""
    fill_in()
    draw_cases()
    with (
        st.expander("Precision, tail, budget, pauses and processes", icon=":material/tune:"),
        st.container(horizontal=True),
    ):
        draw_details()
    draw_missing()
    chosen = chosen_preset()
    demo_pace_s = plan.preset(chosen).demo_pace_s if chosen else 0.0
    draw_run_button(store, replace(read_plan(), preset=chosen or "", demo_pace_s=demo_pace_s))


def draw_cases() -> None:
    """Draw what is measured: preset, engines, lengths, batches, threads, scopes."""
    st.segmented_control(
        "Preset",
        preset_names(),
        key="b_preset",
        on_change=preset_chosen,
        format_func=str.capitalize,
        help=" · ".join(f"**{name}**: {plan.PRESETS[name].title}" for name in preset_names()),
    )
    st.pills(
        "Engines",
        [spec.id for spec in registry.available()],
        selection_mode="multi",
        format_func=lambda id: registry.get(id).title,
        key="b_engines",
        bind="query-params",
        help="The baseline, ONNX Runtime FP32, is always measured, twice: the second shows the host's noise.",
    )
    left, right = st.columns(2)
    with left:
        numbers("Sequence lengths in tokens", LENGTHS, "b_tokens", "[CLS] and [SEP] included.")
        numbers("Batch sizes", BATCHES, "b_batch", "Texts a call. Infinity's demo sent one.")
    with right:
        numbers("Threads", thread_choices(), "b_threads", "Of each engine. Infinity's demo used two.")
        st.pills(
            "Scopes",
            plan.SCOPES,
            selection_mode="multi",
            key="b_scope",
            bind="query-params",
            help="model: token ids in, logits out. pipeline: text in, label out, as Infinity's numbers.",
        )


def draw_details() -> None:
    """Draw how it is measured: precision, tail, budget, pauses."""
    st.segmented_control(
        "Precision",
        list(PRECISIONS),
        required=True,
        key="b_precision",
        bind="query-params",
        help="The run stops when every ratio's 95 % interval is as narrow as this, or at its budget.",
    )
    st.segmented_control(
        "Highest percentile",
        list(PERCENTILES),
        required=True,
        key="b_tail",
        bind="query-params",
        help="A tail needs calls: 64 for p90, 130 for p95, 662 for p99.",
    )
    st.number_input(
        "Budget in seconds",
        min_value=int(plan.LEAST_BUDGET_S),
        max_value=int(limits().budget_s),
        step=10,
        key="b_budget",
        bind="query-params",
        help="The whole run takes at most so long.",
    )
    st.segmented_control(
        "Pause before each call",
        list(PACES),
        required=True,
        key="b_pace",
        bind="query-params",
        help="Infinity's demo sent one request per 500 ms. An idle core is slower to answer.",
    )

    st.segmented_control(
        "Processes of each engine",
        BLOCKS,
        required=True,
        key="b_blocks",
        bind="query-params",
        help="One after another. A process's figure is some 1 % off by where its memory lies; of several, "
        "the intervals say by how much.",
    )


def same(form_plan: Plan, other: Plan) -> bool:
    def essence(compared_plan: Plan) -> dict[str, object]:
        values = {**asdict(compared_plan), "preset": "", "demo_pace_s": 0.0}
        return {name: set(value) if isinstance(value, tuple) else value for name, value in values.items()}

    return essence(form_plan) == essence(other)


def numbers(label: str, options: tuple[int, ...] | list[int], key: str, help: str) -> None:
    st.pills(label, options, selection_mode="multi", key=key, bind="query-params", help=help)


def draw_missing() -> None:
    """List the engines that cannot run here, with reason and remedy."""
    absent = [(spec, registry.availability(spec)) for spec in registry.all_engines()]
    absent = [(spec, why) for spec, why in absent if why]
    if absent:
        with st.expander(f"{many(len(absent), 'engine')} cannot run here, and why", icon=":material/block:"):
            st.table(tables.missing(absent), alt="Engines that cannot run here, with reason and remedy")


def draw_run_button(store: Store, form_plan: Plan, key: str = "run") -> None:
    """Draw what the plan costs, and Run; or why it cannot be run."""
    try:
        accepted, _ = plan.accept(form_plan)
        queue.check_size(form_plan)
        seconds = costs.accept(store, accepted)
        model = source.parse()
    except Explained as error:
        st.warning(plain(told(error)), icon=":material/rule:")
        st.button("Run", disabled=True, key=key, icon=":material/play_arrow:")
        return
    cells = (len(accepted.engines)) * len(accepted.cases)
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button("Run", key=key, icon=":material/play_arrow:")
        st.markdown(
            f"About **{duration(seconds)}**, at most {duration(accepted.budget_s)} · {many(cells, 'cell')} · "
            f"{plain(model.name)}"
        )
    if clicked:
        with explained():
            submit(store, form_plan, model.to_text(), seconds)


def submit(store: Store, form_plan: Plan, model: str, seconds: float) -> None:
    """Queue a plan, put its job into the link, and draw the page again."""
    owner = asker() if hosted() or user() else None
    click, token = this_click(form_plan)
    job = queue.ask(store, form_plan, model, seconds, click, token, owner)
    if not job.open:  # the last click's, cancelled meanwhile: this one is meant anew
        del st.session_state.last_click
        click, token = this_click(form_plan)
        job = queue.ask(store, form_plan, model, seconds, click, token, owner)
    st.query_params.pop("run", None)
    st.query_params["job"] = job.id
    st.session_state.setdefault("tokens", {})[job.id] = token
    if not hosted():  # there a link may be passed on, or be in a proxy's log
        st.query_params["token"] = token
    st.rerun()


def asker() -> str:
    """Return who asks: who is signed in, else this browser session."""
    return user() or f"visitor {st.session_state.setdefault('visitor', secrets.token_hex(8))}"


def this_click(form_plan: Plan) -> tuple[str, str]:
    """Return a name for this click and the token of its job; those of the last one for a double click."""
    now = time.monotonic()
    essence = hashlib.sha256(json.dumps(asdict(form_plan), sort_keys=True).encode()).hexdigest()
    last = st.session_state.get("last_click")
    if last and last["plan"] == essence and now - last["at"] < DOUBLE_CLICK_S:
        return last["click"], last["token"]
    click, token = secrets.token_hex(16), new_token()
    st.session_state.last_click = {"plan": essence, "at": now, "click": click, "token": token}
    return click, token
