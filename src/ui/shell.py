"""The frame of every page: `page_setup` is each page's first statement."""

import streamlit as st

PRODUCT = "Are We Infinity Yet?"


def page_setup(title: str) -> None:
    """Set the page's title, icon and width. A sidebar of our own follows with the second page."""
    st.set_page_config(
        page_title=f"{title} · {PRODUCT}", page_icon=":material/all_inclusive:", layout="centered"
    )
