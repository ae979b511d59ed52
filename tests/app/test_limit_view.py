"""The view of limits of a run: which share of what its host can do each engine reached."""

import pytest
from streamlit.testing.v1 import AppTest

from src.bench import command_apart
from src.bench.command_apart import Done
from src.host import machine, roofline
from src.host.roofline import Roofline
from src.model.fingerprint import of_cpu
from src.store import runs
from src.store.database import Store
from tests.app.test_pages import FIRST, TIMES, page, store
from tests.rows import MODEL
from tests.unit.test_results import made
from tests.unit.test_store import kept, with_id

__all__ = ["store"]  # a fixture


def limits_of(store: Store, host: dict) -> AppTest:
    """The view of limits of a run of a host."""
    run = with_id(made(TIMES), FIRST, model={**MODEL, "architecture": "MiniLM-L6-H384"}, host=host)
    kept(store, run)
    at = page("benchmark", run=FIRST)
    at.get_by_key("r_view").set_value("Limit").run()
    assert not at.exception
    return at


def test_the_limit_of_a_host_is_measured_at_a_click_and_shares_are_of_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    here = machine.evidence()
    peaks = Roofline(of_cpu(here), "A CPU", 2, 400.0, 800.0, {10**7: 100.0}, {}, "2026-11-27T00:00:00Z")

    def command(arguments: tuple[str, ...], tell: object) -> Done:
        assert arguments == ("doctor", "--roofline", "--threads", "2")
        roofline.keep(peaks)
        return Done(0, [{"check": "Roofline", "state": "ok", "text": ""}])

    monkeypatch.setattr(command_apart, "run", command)
    at = limits_of(store, here)
    assert any("not measured yet" in one.value for one in at.info)
    at.button(key="r_roofline").click().run()
    assert not at.exception
    frame = at.dataframe[0].value
    rows = {row.engine: row for row in runs.run(store, FIRST).results}
    least_ms = (2 * 10_616_832 * 16 + 6 * 4 * 16**2 * 384) / 400e9 * 1e3
    shares = sorted((100 * least_ms / row.median_ms for row in rows.values()), reverse=True)
    assert list(frame["Reached"]) == pytest.approx(shares)
    assert any("400 GFLOP/s in FP32" in one.value for one in at.caption)


def test_the_limit_of_another_host_is_not_measured_here(store: Store):
    at = limits_of(store, {**machine.evidence(), "cpu": "Another CPU"})
    assert any("the host of this run" in one.value for one in at.info)
    assert "r_roofline" not in {one.key for one in at.button}
