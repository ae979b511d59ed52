"""Check data/references.csv against the shared folder's reference_numbers.csv, row by row.

    python -m tools.check_references SHARED_FOLDER

Converts the shared rows anew (tools/import_references.py) and compares every field of every row; prints what
was checked and every difference, and fails if there is one.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from src.references import DEFAULT, load
from tools.import_references import convert


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="SHARED_FOLDER")
    inner = parser.parse_args().folder / "references"
    with (inner / "reference_numbers.csv").open(encoding="utf-8", newline="") as file:
        sources = list(csv.DictReader(file))
    expected, skipped = convert(sources)
    with DEFAULT.open(encoding="utf-8", newline="") as file:
        kept = {row["id"]: row for row in csv.DictReader(file)}
    differences = []
    for row in expected:
        mine = kept.pop(row["id"], None)
        if mine is None:
            differences.append(f"{row['id']} is missing")
            continue
        differences += [
            f"{row['id']}: {name} is {mine[name]!r}, and the shared row gives {value!r}"
            for name, value in row.items()
            if mine[name] != value
        ]
    differences += [f"{id} is in no shared row" for id in kept]
    rows = load()
    print(f"{len(sources)} shared rows, {len(expected)} converted, {sum(skipped.values())} left out:")
    for reason, count in sorted(skipped.items()):
        print(f"  {count:3} {reason}")
    print(f"{len(rows)} stored rows, by unit:")
    for unit, count in sorted(Counter(row.unit for row in rows).items()):
        print(f"  {count:3} {unit}")
    print(f"{len(differences)} differences")
    for one in differences:
        print(f"  {one}")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
