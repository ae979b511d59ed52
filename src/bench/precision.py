"""Is a run as precise as it was asked to be?"""

import math
from collections.abc import Collection

from src.bench.events import engine_id
from src.bench.plan import Plan
from src.bench.record import Cell, Record, round_medians
from src.engines import registry
from src.stats import looks, paired_ratio


def precise(plan: Plan, record: Record, alive: Collection[Cell], since: int = 1, blocks: int = 1) -> bool:
    """Tell whether every ratio of the living cells is as precise as asked, and every cell has its samples; of
    so many blocks, whether that which began with round `since` does its part.
    """
    return all(precise_cell(plan, record, cell, alive, since, blocks) for cell in alive)


def precise_cell(
    plan: Plan, record: Record, cell: Cell, alive: Collection[Cell], since: int = 1, blocks: int = 1
) -> bool:
    """Tell whether one cell has its samples, and its ratio is as precise as asked."""
    slices = [slice for slice in record.undisturbed(cell) if slice.round >= since]
    if sum(len(slice.ns) for slice in slices) < plan.samples / blocks:
        return False
    began_anew = any(lead_in.from_round > 1 for lead_in in record.lead_ins.get(cell, []))
    if began_anew and len(slices) < next(looks()):
        return False
    baseline = cell._replace(engine=plan.baseline)
    if cell == baseline or baseline not in alive or not registry.get(engine_id(cell.engine)).answers:
        return True
    ratio = paired_ratio(round_medians(slices), round_medians(record.undisturbed(baseline)))
    return ratio is not None and ratio.half_width <= plan.precision * math.sqrt(blocks)
