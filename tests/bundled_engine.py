"""The code of a bundle as an engine: AWIY_EXTRA_ENGINES=tests.bundled_engine:ENGINES. The bundle is BUNDLE in
the home folder.
"""

import os
import runpy
from pathlib import Path

from src.engines.base import Engine
from tests.fakes import row

BUNDLE = "bundle"


class Bundled(Engine):
    def load(self, artifact: str, threads: int) -> None:
        path = Path(os.environ["AWIY_HOME"]) / BUNDLE / "infer.py"
        classifier = runpy.run_path(str(path), run_name="infer")["Classifier"]()
        self.infer = classifier.logits  # type: ignore[method-assign]

    def facts(self) -> dict:
        return {}


ENGINES = (row("bundled", Bundled),)
