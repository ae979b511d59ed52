"""Infinity's stored numbers: their conditions, one click away from a chart."""

from typing import Any

import streamlit as st

from src.ui.format import ms, plain


def draw_stored(stored: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Say what the stored numbers are and what may be divided by them.

    Each comes with its comparison {comparable, blocking, caveats}.
    """
    if not stored:
        return
    with st.popover("Infinity's conditions", icon=":material/inventory_2:"):
        for one, comparison in stored:
            pace = f" · one request each {one['pace_s']:g} s" if one["pace_s"] else ""
            st.markdown(f"**{one['title']}: {ms(one['value'])}**, stored, not measured here")
            st.caption(
                f"{plain(one['hardware'] or '')} · {one['threads']} threads · batch {one['batch_size']} · "
                f"scope {one['scope']}{pace} · published {one['published']} · [source]({one['url']})"
            )
            st.caption(plain(one["note"] or ""))
            if comparison["comparable"]:
                st.markdown("Divided by, with these caveats:")
            else:
                st.markdown("Drawn, not divided by:")
            for reason in comparison["blocking"] or comparison["caveats"]:
                st.markdown(f"- {plain(reason)}")
