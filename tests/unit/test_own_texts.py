"""The lengths that stand for somebody's own texts, and a search for them."""

import random
from pathlib import Path

import pytest

from src.bench.inputs import LONGEST, SHORTEST
from src.model import source
from src.search import own_texts
from src.search.asked import Asked, BadSearch
from src.search.words import words_of_texts

ASKED = Asked((16, 128), 1200.0, 2)


def test_four_lengths_stand_for_equal_shares():
    stands_for = own_texts.workload([*range(10, 20), *range(30, 40), *range(50, 60), *range(100, 110)])
    assert stands_for.lengths == (14, 34, 54, 104)
    assert stands_for.shares == (0.25, 0.25, 0.25, 0.25)


def test_equal_lengths_are_one_with_a_larger_share():
    stands_for = own_texts.workload([8, 8, 8, 8, 8, 8, 40, 40])
    assert stands_for == own_texts.Workload((8, 40), (0.75, 0.25))
    assert own_texts.workload([17]) == own_texts.Workload((17,), (1.0,))


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_latency_is_that_of_all_texts_where_latency_is_a_line(seed: int):
    order = random.Random(seed)
    counts = [int(order.lognormvariate(3, 1)) for _ in range(order.randint(1, 500))]
    stands_for = own_texts.workload(counts)
    assert sum(stands_for.shares) == pytest.approx(1)
    assert list(stands_for.lengths) == sorted(set(stands_for.lengths))
    seen = [min(max(count, SHORTEST), LONGEST) for count in counts]
    pairs = zip(stands_for.lengths, stands_for.shares, strict=True)
    assert sum(length * share for length, share in pairs) == pytest.approx(sum(seen) / len(seen), abs=0.5)


def test_texts_are_lines_and_of_a_tsv_what_is_before_its_last_tab(tmp_path: Path):
    (tmp_path / "a.tsv").write_text("a\tb\t1\nonly a text\n\n", encoding="utf-8")
    assert own_texts.read(tmp_path / "a.tsv") == ["a\tb", "only a text"]
    (tmp_path / "a.txt").write_text("\ufeffa\tb\r\n  c \n", encoding="utf-8")
    assert own_texts.read(tmp_path / "a.txt") == ["a\tb", "c"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no texts"),
        (b" \n\n", "has no texts"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a" * 65_000_000, "more than 64 MB"),
    ],
)
def test_what_holds_no_texts_says_what_to_give(data: bytes, words: str):
    with pytest.raises(BadSearch, match=words):
        own_texts.parse(data, "a.txt")


def test_a_file_that_is_not_there_says_so(tmp_path: Path):
    with pytest.raises(BadSearch, match=r"cannot be read \(No such file"):
        own_texts.read(tmp_path / "a.txt")


def test_tokens_are_counted_as_engines_get_them():
    texts = ["I liked this film.", "word " * 1000]
    assert own_texts.count_tokens(texts, source.parse("embedded")) == [7, LONGEST]


def test_a_search_for_texts_has_one_objective_and_says_what_it_is(tmp_path: Path):
    asked = own_texts.asked_of(ASKED, ["I liked this film."] * 3 + ["word " * 28], "reviews.txt")
    assert (asked.lengths, asked.shares) == ((8, 30), (0.75, 0.25))
    assert asked.objectives == [(8, 30)]
    assert words_of_texts(asked) == (
        "The lengths stand for shares of reviews.txt: 8 tokens for 75%, 30 tokens for 25%. Its figure is the "
        "mean latency of a text."
    )
    assert words_of_texts(ASKED) == ""
