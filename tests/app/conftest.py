"""Pages in this process: their supervisor starts nothing. It is one for the process and goes on after a
test, so it would start the jobs that later tests only queue, for real.
"""

from collections.abc import Iterator

import pytest
import streamlit as st

from src.jobs.supervisor import Supervisor


@pytest.fixture(scope="module", autouse=True)
def no_jobs_are_started() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervisor, "start", lambda self: None)
        st.cache_resource.clear()
        yield
        st.cache_resource.clear()
