"""The code of a bundle as an engine: AWIY_EXTRA_ENGINES=tests.bundled_engine:ENGINES. The bundle is BUNDLE in
the home folder.
"""

import os
import runpy
from dataclasses import replace
from pathlib import Path

from src.engines import registry
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


# OpenVINO compiled for any length, of a file that takes no minute to quantise.
ANY_LENGTH = replace(
    next(spec for spec in registry.ENGINES if spec.id == "openvino-fp32"),
    id="fake-any-length",
    implementation="src.engines.openvino:OpenVinoDynamicEngine",
)
ENGINES = (row("bundled", Bundled), ANY_LENGTH)
