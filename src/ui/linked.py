"""A choice among what is kept, whose id the link has: who is sent it sees the same."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from src.ui.format import plain

T = TypeVar("T")


def choose(title: str, kept: Mapping[str, T], label: Callable[[T], str], key: str, parameter: str) -> T:
    """Let somebody choose among what is kept by id (at least one, the first without a link); `parameter` is
    the link's. A link to what is not there says so.
    """
    linked = st.query_params.get(parameter)
    if linked and linked not in kept:
        st.warning(f"There is no {title.lower()} {plain(linked[:40])} here.", icon=":material/link_off:")
    ids = list(kept)
    if len(ids) == 1:
        return kept[ids[0]]
    index = ids.index(linked) if linked and linked in kept else 0
    chosen = st.selectbox(title, ids, index=index, format_func=lambda id: label(kept[id]), key=key)
    st.query_params[parameter] = chosen
    return kept[chosen]
