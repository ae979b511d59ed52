"""One look per engine on every page, derived from its row: the runtime gives the colour, the precision the
marker.
"""

from src.engines.registry import all_engines
from src.engines.spec import EngineSpec

# Each has a contrast of at least 3 to 1 on both the light and the dark background of .streamlit/config.toml.
COLOURS = ("#2F7FE0", "#C2701E", "#1F9568", "#8B62E8", "#D4477B", "#0F8FA8", "#7A8F1E", "#B5651D", "#64748B")
MARKERS = {"fp32": "circle", "fp16": "diamond", "bf16": "triangle-up", "int8": "square"}
# Stored numbers are never an engine's colour, and always dashed.
STORED = {16: "#D97706", 128: "#DB2777"}


def colour(spec: EngineSpec) -> str:
    """Return the engine's colour: that of its runtime, in the registry's order."""
    runtimes = list(dict.fromkeys(row.runtime for row in all_engines()))
    return COLOURS[runtimes.index(spec.runtime) % len(COLOURS)]


def marker(spec: EngineSpec) -> str:
    """Return the engine's marker: that of its precision."""
    return MARKERS.get(spec.precision, "x")
