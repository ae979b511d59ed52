"""The texts that are timed: real, of exact length, the same every time."""

from collections import Counter
from pathlib import Path

import pytest

from src.bench import inputs
from src.engines.text import load_tokenizer
from src.model import cache
from src.model.source import ModelSource


@pytest.fixture(scope="module")
def tokenizer(shared_home: Path):
    from src.model.checkpoint import checkpoint

    built = cache.build(checkpoint, ModelSource("embedded"))
    return load_tokenizer(str(built.folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def count_tokens(tokenizer):
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_there_are_enough_sentences_of_both_labels():
    rows = inputs.sentences()
    assert len(rows) >= 300
    labels = Counter(label for _, label in rows)
    assert set(labels) == {0, 1}
    assert min(labels.values()) >= 0.4 * len(rows)
    texts = [text.casefold() for text, _ in rows]
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() and text[-1] in ".!?" for text, _ in rows)


@pytest.mark.parametrize("length", [8, 9, 16, 17, 32, 64, 128, 256, 511, 512])
def test_texts_have_exactly_the_asked_length(tokenizer, count_tokens, length: int):
    texts = inputs.compose(length, count_tokens, seed=0)
    assert len(set(texts)) == inputs.COUNT
    for text in texts:
        assert len(tokenizer.encode(text).ids) == length
        assert not tokenizer.encode(text).overflowing


def test_texts_are_whole_sentences(count_tokens):
    known = {text for text, _ in inputs.sentences()}
    for text in inputs.compose(32, count_tokens, seed=0)[:5]:
        rest = text
        while rest:
            first = max((one for one in known if rest.startswith(one)), key=len)
            rest = rest[len(first) :].strip()


def test_the_same_seed_composes_the_same_texts(count_tokens):
    first = inputs.compose(16, count_tokens, seed=3)
    assert inputs.compose(16, count_tokens, seed=3) == first
    assert inputs.compose(16, count_tokens, seed=4) != first
    assert inputs.digest(first) == inputs.digest(first)
    assert inputs.digest(first) != inputs.digest(first[::-1])


def test_a_length_that_cannot_be_composed_says_so(count_tokens):
    with pytest.raises(ValueError, match="different texts of 3 tokens"):
        inputs.compose(3, count_tokens, seed=0)


def test_a_damaged_file_says_so(tmp_path: Path):
    for text in ("text,label\nGood.,yes\n", "a,b\n1,2\n", "text,label\n"):
        path = tmp_path / "s.csv"
        path.write_text(text)
        inputs.sentences.cache_clear()
        with pytest.raises(inputs.BadSentences, match="Restore it"):
            inputs.sentences(path)
    with pytest.raises(inputs.BadSentences, match="Restore it"):
        inputs.sentences(tmp_path / "absent.csv")
    inputs.sentences.cache_clear()
