"""The timed calls of a slice as bytes: one that tells the width, then little-endian unsigned integers."""

from collections.abc import Sequence

import numpy as np

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
