"""What the processes of one run's engines tell of each other."""

import numpy as np
import pytest

from src.bench.plan import Case
from src.bench.record import Cell
from src.blocks import Spread
from src.figures.processes import Kind, prior_at


def test_what_cells_tell_of_each_other_is_of_their_length():
    """Processes are apart by 4 % at 16 tokens and by 1 % at 128: each has an interval of its own length."""
    rng = np.random.default_rng(3)
    known = {
        Cell(0, f"e{number}", Case(1, length, 2, scope)): Spread(
            3, apart**2 * float(rng.chisquare(2)) / 2, 0.0
        )
        for length, apart in ((16, 0.04), (128, 0.01))
        for number in range(40)
        for scope in ("model", "pipeline")
    }
    short, long = (prior_at(length, known) for length in (16, 128))
    assert short.variance == pytest.approx(0.04**2, rel=0.4)
    assert long.variance == pytest.approx(0.01**2, rel=0.4)
    assert short.freedom <= 40 * 2, "the two scopes of an engine have the same processes"
    kind = Kind(known, {16: short, 128: long})
    widths = {
        length: [kind.half_width(cell) for cell in known if cell.case.sequence_length == length]
        for length in (16, 128)
    }
    assert max(widths[128]) < min(widths[16])
    elsewhere = Cell(0, "e0", Case(1, 64, 2, "model"))
    assert kind.half_width(elsewhere) == 0.0, "it had one process"
