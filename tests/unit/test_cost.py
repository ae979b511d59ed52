"""Costs are arithmetic that anybody can check by hand."""

import pytest

from src.references.cost import Offer, factor_to_pay, loads

STOCK = Offer(per_s=500, price_per_h=0.17, licence_per_year=0, utilisation=0.5)
LICENSED = Offer(per_s=400, price_per_h=0.17, licence_per_year=20_000, utilisation=0.5)


def test_a_million_requests_of_a_machine_without_a_licence():
    """0.17 $/h buys 3600 s × 500/s × 50 % = 900,000 requests."""
    assert STOCK.per_million == pytest.approx(0.17 / 0.9)
    assert STOCK.machine_per_year == pytest.approx(1489.2), "as the references derive it"
    assert STOCK.requests_per_year == pytest.approx(500 * 0.5 * 31_536_000)


def test_a_licence_is_paid_for_every_machine():
    assert LICENSED.machine_per_year == pytest.approx(21_489.2)
    most = LICENSED.requests_per_year
    assert LICENSED.per_year(most) == pytest.approx(21_489.2)
    assert LICENSED.per_year(most * 1.01) == pytest.approx(2 * 21_489.2)
    assert LICENSED.per_year(1) == pytest.approx(21_489.2), "a small load pays for a whole machine"


def test_break_even_is_where_both_cost_the_same():
    factor = factor_to_pay(STOCK, LICENSED)
    faster = Offer(400 * factor, 0.17, 20_000, 0.5)
    assert faster.per_million == pytest.approx(STOCK.per_million)


@pytest.mark.parametrize(
    "change",
    [{"per_s": 0}, {"utilisation": 0}, {"utilisation": 1.1}, {"price_per_h": -1}, {"licence_per_year": -1}],
)
def test_inputs_that_make_no_sense_are_refused(change: dict):
    with pytest.raises(ValueError, match="must"):
        Offer(**({"per_s": 1, "price_per_h": 1, "licence_per_year": 0, "utilisation": 1} | change))


def test_loads_span_the_axis():
    found = loads(1e6, 1e9, 4)
    assert found == pytest.approx([1e6, 1e7, 1e8, 1e9])
