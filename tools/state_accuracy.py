"""State measured accuracy in the embedded model's card: accuracy.json and the table of README.md.

    python -m src accuracy --dataset SST2_DEV.tsv --json > FILE
    python -m tools.state_accuracy FILE

Refuses a FILE that is not of the embedded model or has failures. Ties the figures to the adapter by its hash.
"""

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

from src.model import embedded
from src.model.source import ModelSource

CARD = embedded.ADAPTER_FOLDER / "README.md"


def table(found: dict[str, Any]) -> str:
    lines = [
        "| engine | accuracy | 95 % interval | labels as PyTorch FP32 | largest logit difference | gate |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["engines"]:
        low, high = row["ci95"]
        lines.append(
            f"| `{row['engine']}` | {row['accuracy']:.4f} | {low:.4f} to {high:.4f} | "
            f"{found['n'] - row['flips']} of {found['n']} | {row['max_abs_delta_logit']:.2g} | "
            f"{'passed' if row['gate'] else '**missed**'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    found = json.loads(parser.parse_args().file.read_text())
    if found["failures"] or found["model"] != ModelSource("embedded").name:
        raise SystemExit("The file has failures or is of another model. Measure the embedded model again.")
    for row in found["engines"]:
        del row["flipped"]  # sentences of the data set, which is not ours to keep here
    today = time.strftime("%Y-%m-%d")
    stored = {"adapter_sha256": embedded.adapter_facts()["sha256"], "measured": today, **found}
    (embedded.ADAPTER_FOLDER / "accuracy.json").write_text(json.dumps(stored, indent=2) + "\n")
    host = found["host"]
    where = f"{host['cpu']} ({', '.join(host['cpu_flags'])}), {host['system']}"
    how = "by `python -m src accuracy`, one sentence at a time."
    text = f"{table(found)}\n\nMeasured on {today}, {where},\n{how}"
    card = CARD.read_text()
    pattern = r"(## Accuracy on SST-2 dev \(872 sentences\)\n\n).*?(\n\nThe interval is)"
    CARD.write_text(re.sub(pattern, lambda part: part[1] + text + part[2], card, flags=re.DOTALL))


if __name__ == "__main__":
    main()
