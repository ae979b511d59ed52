"""Kept runs that have ended, read once for all pages that show them."""

import streamlit as st

from src.bench.record import Record
from src.figures.run import Run
from src.store import runs
from src.store.database import open_store


def finished_run(listed: runs.Listed) -> Run:
    """Return a run that has ended."""
    return kept_run(listed.id, state_of(listed))


def finished_record(listed: runs.Listed) -> Record:
    """Return the record of a run that has ended, raw samples included. Nobody may change it."""
    return kept_record(listed.id, state_of(listed))


def state_of(listed: runs.Listed) -> str:
    """Return what tells a run from another with its id, which may come after it was deleted."""
    return f"{listed.stopped} {listed.source} {listed.rounds} {listed.slices} {listed.samples}"


@st.cache_data(max_entries=32, show_spinner="Reading the run …")
def kept_run(run_id: str, state: str) -> Run:
    return runs.run(open_store(), run_id)


@st.cache_resource(max_entries=2, show_spinner="Reading the raw samples …")
def kept_record(run_id: str, state: str) -> Record:
    return runs.record(open_store(), run_id)
