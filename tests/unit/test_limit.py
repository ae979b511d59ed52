"""The roofline: how much a model computes, what the cores can do, and which share of that was reached."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from src.bench.sitting import Sitting
from src.doctor import roofline as measuring
from src.doctor.kernels import best_s
from src.engines import registry
from src.figures import limit
from src.figures.limit import ARITHMETIC, MEMORY, Shape
from src.host import roofline
from src.host.roofline import Roofline
from src.model import cache
from src.model.source import ModelSource
from src.workers.building import CHECKPOINT
from src.workers.pool import Pool

SHAPE = limit.SHAPES["MiniLM-L6-H384"]
HERE = Roofline(
    "abc", "A CPU", 2, 100.0, 400.0, {10_000_000: 40.0, 42_000_000: 20.0}, {}, "2026-11-27T00:00:00Z"
)
HEAD = 2 * (384 * 384 + 384 * 2)  # pooler and classifier, of one token


@pytest.mark.parametrize("tokens", [16, 128])
def test_the_operations_are_those_that_torch_counts(pool: Pool, tokens: int):
    """In the model itself, as it runs, by PyTorch's own counter."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertForSequenceClassification

    model = ModelSource("embedded")
    Sitting(pool, model, 1, lambda _: None).build([registry.get("pytorch-fp32")])
    folder = cache.required(CHECKPOINT, model).folder
    bert = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        bert(torch.ones((1, tokens), dtype=torch.long))
    assert counter.get_total_flops() - HEAD == SHAPE.operations(tokens)


def test_what_takes_longer_sets_the_limit():
    """By hand: 10 616 832 weights; 16 tokens: 0.342 10⁹ operations, 128 tokens: 2.869 10⁹."""
    few, many = (limit.limit(HERE, SHAPE, "fp32", tokens, 10.0) for tokens in (16, 128))
    assert few
    assert few.ms == pytest.approx(3.421, abs=0.001)
    assert few.what == ARITHMETIC, "reading 42.5 MB takes 2.12 ms"
    assert few.share == pytest.approx(0.342, abs=0.001)
    assert many
    assert many.ms == pytest.approx(28.69, abs=0.01)
    starved = replace(HERE, bandwidth={42_000_000: 2.0})
    slow = limit.limit(starved, SHAPE, "fp32", 16, 100.0)
    assert slow
    assert slow.what == MEMORY
    assert slow.ms == pytest.approx(21.23, abs=0.01)


def test_int8_reads_a_quarter_and_computes_by_its_own_peak():
    small = limit.limit(HERE, SHAPE, "int8", 16, 1.0)
    assert small
    assert small.ms == pytest.approx(0.855, abs=0.001)
    assert small.what == ARITHMETIC, "10.6 MB by the copy of that size take 0.265 ms"


def test_a_precision_without_a_peak_has_no_limit():
    assert limit.limit(HERE, SHAPE, "bf16", 16, 1.0) is None
    assert limit.shape_of({"architecture": "BERT-L12-H768"}) is None


def test_a_batch_computes_so_many_times_as_much():
    assert SHAPE.operations(16, 8) == 8 * SHAPE.operations(16)
    assert Shape(1, 2, 3).weights == 4 * 4 + 2 * 6


def test_a_roofline_is_kept_by_cpu_and_threads(shared_home: object):
    roofline.keep(HERE)
    assert roofline.kept("abc", 2) == HERE
    assert roofline.kept("abc", 1) is None
    roofline.place("abc", 2).write_text('{"cpu_key": "abc"}')
    assert roofline.kept("abc", 2) is None, "half of one"


@pytest.mark.one_cpu
def test_this_hosts_is_measured_and_kept():
    measured = measuring.measure(1, lambda _: None)
    assert roofline.kept(measured.cpu_key, 1) == measured
    a, b = (np.random.default_rng(0).random((512, 512), np.float32) for _ in range(2))
    by_numpy = 2 * 512**3 / best_s(lambda: a @ b) / 1e9
    assert measured.fp32 > 0.4 * by_numpy, "another library's product, as quick at most"
    assert measured.int8 > 0
    assert sorted(measured.bandwidth) == [SHAPE.weights, 4 * SHAPE.weights]


def test_kernels_that_fail_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "COMMAND", (sys.executable, "-c", "raise SystemExit('no torch here')"))
    (finding,) = measuring.check(1, lambda _: None)
    assert finding.state == "failed"
    assert "no torch here" in finding.text
