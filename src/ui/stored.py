"""Infinity's stored numbers: their conditions, one click away from a chart."""

from collections.abc import Sequence

import streamlit as st

from src.references import Comparison, Reference
from src.ui.format import plain
from src.words import ms


def draw_stored(stored: Sequence[tuple[Reference, Comparison]]) -> None:
    """Say what the stored numbers are and what may be divided by them."""
    if not stored:
        return
    with st.popover("Infinity's conditions", icon=":material/inventory_2:"):
        for reference, comparison in stored:
            pace = f" · one request each {reference.pace_s:g} s" if reference.pace_s else ""
            st.markdown(f"**{reference.title}: {ms(reference.value)}**, stored, not measured here")
            st.caption(
                f"{plain(reference.hardware)} · {reference.threads} threads · batch {reference.batch_size} · "
                f"scope {reference.scope}{pace} · published {reference.published} · [source]({reference.url})"
            )
            st.caption(plain(reference.note))
            if comparison.comparable:
                st.markdown("Divided by, with these caveats:")
            else:
                st.markdown("Drawn, not divided by:")
            for reason in comparison.blocking or comparison.caveats:
                st.markdown(f"- {plain(reason)}")
