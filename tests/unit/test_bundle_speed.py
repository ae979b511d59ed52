"""The code that is handed over is as fast as the engine that was measured, in the same rounds."""

import os
import shutil
from pathlib import Path

import pytest

from src.bench.plan import BLOCKS
from src.bench.settings import BENCHMARK
from src.figures.results import summarise
from src.stats import LEAST_NOISE_FLOOR
from src.store.database import open_store
from src.workers.pool import Pool
from tests.bundled_engine import BUNDLE
from tests.bundles import handed_over
from tests.confirmed import confirmed
from tests.measured import calm, measure, plan

__all__ = ["calm"]  # a fixture
pytestmark = [pytest.mark.measuring, pytest.mark.usefixtures("calm")]
ENGINE, CODE = "onnxruntime-int8", "fake-bundled"


def test_the_bundles_code_is_within_the_noise_floor_of_the_engine(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    """Its ratio to the engine, in three processes of each: two of the same may differ by a percent or two."""
    store = open_store()
    search = confirmed(store, ENGINE)
    folder = Path(os.environ["AWIY_HOME"]) / BUNDLE
    shutil.rmtree(folder, ignore_errors=True)
    handed_over(store, search, folder)
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.bundled_engine:ENGINES")
    asked = plan(CODE, ENGINE, baseline=ENGINE, precision=0.02, budget_s=60.0, blocks=BLOCKS)
    run = summarise(measure(pool, asked, settings=BENCHMARK))
    (result,) = (row for row in run.results if row.engine == CODE)
    ratio, floor = result.ratios[ENGINE], max(LEAST_NOISE_FLOOR, run.noise.noise_floor or 0.0)
    print(f"infer.py ÷ the engine: {ratio.ratio:.3f} {ratio.ci95}, noise floor {floor:.3f}")
    assert ratio.ci95[0] <= 1 + floor
    assert ratio.ci95[1] >= 1 - floor
