"""What a table's cell says."""

from src.ui.tables import scope_text


def test_a_latency_that_was_not_steady_says_so():
    cell = {"median_ms": 2.345, "ci95_ms": (2.3, 2.4), "steady": True}
    assert scope_text(cell) == "**2.35** (2.30–2.40)"
    assert "not steady" in scope_text({**cell, "steady": False})
