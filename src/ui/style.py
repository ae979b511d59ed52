"""One look per engine on every page, derived from its row: the runtime gives the colour, the precision the
marker.
"""

from src.bench.events import engine_id
from src.engines import options
from src.engines.registry import UnknownEngine, all_engines, get
from src.engines.spec import EngineSpec

# Each has a contrast of at least 3 to 1 on both the light and the dark background of .streamlit/config.toml.
COLOURS = ("#2F7FE0", "#C2701E", "#1F9568", "#8B62E8", "#D4477B", "#0F8FA8", "#7A8F1E", "#B5651D", "#64748B")
# The first is the runtime's plain engine of that precision; its variants, in the registry's order, take the
# next. Hollow ones are for stored numbers.
MARKERS = {
    "fp32": ("circle", "hexagon", "octagon", "circle-cross", "circle-x", "hexagon2"),
    "fp16": ("diamond", "diamond-tall", "diamond-wide"),
    "bf16": ("triangle-up", "triangle-down"),
    "int8": ("square", "pentagon", "star", "hourglass", "square-cross", "hexagram", "square-x", "cross"),
}
# Stored numbers are never an engine's colour, and always dashed.
STORED = {16: "#D97706", 128: "#DB2777"}  # Infinity's numbers, by tokens
DASHES = {"fp32": "solid", "fp16": "dot", "bf16": "dashdot", "int8": "dash"}
ELSEWHERE = "#64748B"  # an engine that the registry does not know: it came with an imported run
# Lines and whiskers that must be seen on a light and a dark background.
NEUTRAL = "#64748B"


def stored(length: int | None) -> str:
    """Return the colour of Infinity's number of so many tokens."""
    return STORED.get(length or 0, NEUTRAL)


def colour(spec: EngineSpec) -> str:
    """Return the engine's colour: that of its runtime, in the registry's order."""
    runtimes = list(dict.fromkeys(row.runtime for row in all_engines()))
    return COLOURS[runtimes.index(spec.runtime) % len(COLOURS)]


def marker(spec: EngineSpec) -> str:
    """Return the engine's marker: that of its precision, another for each variant of a runtime. With another
    release of its runtime, or with options, it looks as its row does.
    """
    id = options.registry_row(spec.id)
    rows = [row.id for row in all_engines() if (row.runtime, row.precision) == (spec.runtime, spec.precision)]
    symbols = MARKERS.get(spec.precision, ("x",))
    return symbols[rows.index(id) % len(symbols) if id in rows else 0]


def known(engine: str) -> EngineSpec:
    """Return an engine's row of the registry; one made up for an id that came with an imported run."""
    id = engine_id(engine)
    try:
        return get(id)
    except UnknownEngine:
        return EngineSpec(id, id, "elsewhere", id.rpartition("-")[2])


def engine_colour(engine: str) -> str:
    """Return the colour of an engine by its id, also of one from elsewhere."""
    spec = known(engine)
    return ELSEWHERE if spec.runtime == "elsewhere" else colour(spec)
