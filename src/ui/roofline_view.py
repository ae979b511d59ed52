"""How near latencies are to what the host's cores can do at all."""

import pandas as pd
import streamlit as st

from src.accuracy.confirming import cpu_key
from src.bench import command_apart
from src.bench.events import Begun
from src.bench.field import Objective
from src.doctor.roofline import CHECK, USUAL_S
from src.engines import registry
from src.figures import limit
from src.figures.run import Result, Run
from src.host import roofline
from src.host.roofline import Roofline
from src.limits import limits, public
from src.model import fingerprint
from src.search.answer import Proposal
from src.search.state import Search
from src.stats import MEDIAN
from src.ui.commands import draw_command
from src.ui.format import plain
from src.ui.usual_time import usual_time
from src.words import many, moment, significant

COMMAND = "python -m src doctor --roofline"
NOT_KNOWN = "The limit is told for MiniLM-L6-H384 only: a run does not say how large other models are."


def draw_limit(run: Run, good: list[Result]) -> None:
    """Draw which share of the limit the engines of a case reach."""
    shape = limit.shape_of(run.head.model)
    if not good or not shape:
        st.info(NOT_KNOWN if good else "No engine has a valid result in this case.", icon=":material/block:")
        return
    known = roofline.kept(good[0].cpu_key or "", good[0].threads)
    if not known:
        offer(good[0])
        return
    rows = [
        (row, found)
        for row in good
        if row.device == "cpu"
        and row.median_ms
        and (
            found := limit.limit(
                known, shape, row.precision, row.sequence_length, row.median_ms, row.batch_size
            )
        )
    ]
    if not rows:
        st.info("The limit is known in FP32 and in INT8, and no engine here is.", icon=":material/block:")
        return
    frame = pd.DataFrame(
        [
            {
                "Engine": row.title,
                "Median, ms": row.median_ms,
                "Limit, ms": found.ms,
                "Reached": 100 * found.share,
                "Set by": found.what,
            }
            for row, found in sorted(rows, key=lambda pair: -pair[1].share)
        ]
    )
    st.dataframe(
        frame,
        column_config={
            "Median, ms": st.column_config.NumberColumn(format="%.3g"),
            "Limit, ms": st.column_config.NumberColumn(format="%.3g"),
            "Reached": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100),
        },
        hide_index=True,
        key="run_limit",
        alt="The share of the limit that each engine reaches, highest first",
    )
    st.caption(described(known))


def described(known: Roofline) -> str:
    """Return what a roofline is, and what the limit is made of."""
    return (
        f"The limit is what {many(known.threads, 'CPU')} of this host could do: all matrix products of the "
        f"model at {significant(known.fp32)} GFLOP/s in FP32 or {significant(known.int8)} GOP/s in INT8 "
        "(arithmetic), or reading its weights once (memory), whichever takes longer; measured on "
        f"{moment(known.measured_at)[:10]} by the faster of PyTorch and ONNX Runtime. What lies between the "
        "products is left out, so that nobody reaches it: see Methodology."
    )


def offer(row: Result) -> None:
    """Say that the roofline is not known, and have it measured at a click where it is this host's."""
    here = row.cpu_key == cpu_key()
    where = "this host" if here else "the host of this run"
    st.info(f"What the cores of {where} can do at most was not measured yet.", icon=":material/speed:")
    if not here or not limits().changes:
        return
    if st.button(f"Measure it (about {USUAL_S:.0f} s)", key="r_roofline", icon=":material/speed:"):
        if problem := measure(row.threads):
            st.error(plain(public(problem)), icon=":material/error:")
            return
        st.rerun()
    draw_command(
        "The command that measures it", f"{COMMAND} --threads {row.threads}", key="r_roofline_command"
    )


def measure(threads: int) -> str:
    """Have the roofline measured by a command, which ends where somebody leaves the page; return what went
    wrong, "" for nothing.
    """
    tell = usual_time(st.progress(0.0, "Starting"), "Multiplying matrices and copying memory", USUAL_S)
    done = command_apart.run(("doctor", "--roofline", "--threads", str(threads)), tell)
    for finding in done.told if isinstance(done.told, list) else ():
        if finding["check"] == CHECK:
            return "" if finding["state"] == "ok" else str(finding["text"])
    return done.error


def sentence(begun: Begun | None, search: Search, lengths: Objective, proposal: Proposal | None) -> str:
    """Return how near what is proposed for one length is to the limit; "" where that is not known. `begun` is
    the head of a run that confirmed it.
    """
    if not begun or not proposal or len(lengths) > 1 or proposal.percentile != MEDIAN:
        return ""
    shape = limit.shape_of(begun.model)
    known = roofline.kept(fingerprint.of_cpu(begun.host), search.asked.threads)
    precision = registry.get(proposal.simplest).precision
    if not known or not shape:
        return ""
    found = limit.limit(known, shape, precision, lengths[0], proposal.proposed.figure)
    if not found:
        return ""
    return (
        f"That is {found.share:.0%} of what {many(known.threads, 'CPU')} of its host can do at "
        f"{lengths[0]} tokens: {significant(found.ms)} ms at least, set by {found.what}."
    )
