"""Slices as rows of the store; the timed calls of one are bytes: one that tells the width, then little-endian
unsigned integers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
from sqlalchemy import Connection, select

from src.bench.events import Slice, from_json
from src.bench.plan import Case
from src.facts import Facts
from src.store import schema

WIDTHS = {4: "<u4", 8: "<u8"}  # bytes of a nanosecond count; four reach to 4.3 s


def pack(ns: Sequence[int]) -> bytes:
    """Return nanoseconds (each at least 0 and below 2⁶⁴) as bytes. Raises OverflowError for others."""
    width = 4 if max(ns, default=0) < 1 << 32 else 8
    return bytes([width]) + np.array(ns, dtype=WIDTHS[width]).tobytes()


def unpack(packed: bytes) -> tuple[int, ...]:
    """Return what `pack` was given. Raises ValueError for bytes it did not make."""
    if not packed or packed[0] not in WIDTHS or (len(packed) - 1) % packed[0]:
        raise ValueError("These bytes are no packed samples: the database is damaged.")
    return tuple(np.frombuffer(packed, WIDTHS[packed[0]], offset=1).tolist())


def slice_row(run_id: str, slice: Slice) -> Facts:
    """Return a slice as a row of the table `slices`."""
    values = asdict(slice)
    return {**values, **values.pop("case"), "run_id": run_id, "ns": pack(slice.ns)}


def read_slices(connection: Connection, run_id: str) -> Iterator[Slice]:
    """Yield a run's slices in their order."""
    table = schema.slices
    query = select(table).where(table.c.run_id == run_id).order_by(table.c.id)
    for row in connection.execute(query).mappings():
        values = dict(row)
        case_values = {name: values.pop(name) for name in Case.__dataclass_fields__}
        values |= {"kind": "slice", "case": case_values, "ns": unpack(values["ns"])}
        del values["id"], values["run_id"]
        yield from_json(values)  # type: ignore[misc]
