"""One build inside an isolated environment.

    python -m src.model.isolated PARENT_PID MODULE FUNCTION CHECKPOINT FOLDER FACTS

Calls the function with the checkpoint's folder and the folder to fill; what it returns goes to the file FACTS
as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import List

from src.process import die_with_parent, offer_to_oom_killer


def main(arguments: List[str]) -> None:
    parent, module, function, checkpoint, folder, facts = arguments
    die_with_parent(int(parent))
    offer_to_oom_killer()
    build = getattr(importlib.import_module("src.model.isolated." + module), function)
    result = build(checkpoint, folder)
    with open(facts, "w", encoding="utf-8") as stream:
        json.dump(result, stream)


if __name__ == "__main__":
    main(sys.argv[1:])
