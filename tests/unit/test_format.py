"""Numbers and foreign text on a page."""

import pytest

from src.ui.format import WORD_JOINER, plain
from src.words import interval, ms, significant, times


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123, "0.0123"),
        (1.7, "1.70"),
        (2.6, "2.60"),
        (24.06, "24.1"),
        (1240.4, "1,240"),
        (0, "0"),
        (float("nan"), "–"),
    ],
)
def test_three_significant_digits(value: float, text: str):
    assert significant(value) == text


def test_units_intervals_and_ratios():
    assert ms(9.7) == "9.70 ms"
    assert interval(1.531, 1.97) == "1.53–1.97"
    assert times(0.6461) == "×0.65"
    assert times(None) == "–"


def test_nothing_foreign_becomes_markup():
    shown = plain("<b>x</b> **y** [z](http://a.b) $a$ `c` # d\n- e | :red[f]")
    for special in "<>*[]()$`#|:":
        assert f"\\{special}" in shown
        assert special not in shown.replace(f"\\{special}", "")


def test_nothing_foreign_becomes_a_link_or_a_dash():
    for text in ("a -- b", "see http://x.y", "www.x.y", "me@x.y"):
        assert WORD_JOINER in plain(text)
    assert WORD_JOINER not in plain("a - b: c. 5 @ 3")
