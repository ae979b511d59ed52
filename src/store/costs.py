"""What plans cost on this host, by the runs that are kept."""

from sqlalchemy import func, select

from src.bench import estimate
from src.bench.plan import Plan
from src.store import runs, schema
from src.store.database import Store


def loads_s(store: Store) -> dict[str, float]:
    """Return how many seconds each engine took when it was last loaded for a run of this host."""
    table = schema.loaded.c
    measured = (
        select(func.max(table.id).label("id"))
        .join_from(schema.loaded, schema.runs)
        .where(schema.runs.c.source == "measured")
        .group_by(table.engine)
    )
    query = select(table.engine, table.event["load_s"].as_float()).where(table.id.in_(measured))
    with store.read() as connection:
        return {engine: load_s or 0.0 for engine, load_s in connection.execute(query)}


def accept(store: Store, accepted: Plan) -> float:
    """Return about how many seconds an accepted plan takes.

    Raises BadPlan where by earlier runs its budget cannot pay for it.
    """
    typical = runs.typical_ms(store)
    estimate.check(accepted, typical, loads_s(store))
    return estimate.seconds(accepted, typical)
