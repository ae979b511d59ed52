"""Where an engine's time goes, by kind of operator, as its runtime's own profiler tells.

    python -m tools.operators openvino-int8 onnxruntime-int8~gelu=fast [--seq-len 16,128] [--threads 2]

For engines on ONNX Runtime and OpenVINO that were measured here before, as their files must be there. A
profiler takes time itself, which stands in the table's head; what its kinds of operators leave of a call is
what the runtime does between them. Takes the host's lock.
"""

import argparse
import sys
from typing import Any

from src import environments
from src.engines import registry
from src.engines.onnxruntime import OnnxRuntimeEngine
from src.engines.openvino import OpenVinoEngine
from src.errors import Explained
from src.home import ROOT
from src.host import machine
from src.host.lock import host_lock
from src.model import cache, recipe
from src.model.source import ModelSource
from src.workers import json_child
from src.workers.pool import clean_environment

MOST_S = 300.0
LEAST_SHARE = 0.01  # of a call: what takes less stands in one row
CHILD = "tools.operator_times"


class NoProfile(Explained):
    """An engine cannot be profiled. The message says why."""


def profile(id: str, tokens: int, threads: int, calls: int) -> dict[str, Any]:
    """Return what operator_times tells of one engine. Raises NoProfile, UnknownEngine."""
    spec = registry.get(id)
    if spec.recipe is None:
        raise NoProfile(f"{id} loads no file, so that there is nothing to profile.")
    if not issubclass(registry.engine_class(spec), (OnnxRuntimeEngine, OpenVinoEngine)):
        raise NoProfile(f"{id} runs neither on ONNX Runtime nor on OpenVINO, whose profilers are read here.")
    artifact = cache.find(recipe.find(spec.recipe), ModelSource("embedded"))
    if not artifact:
        raise NoProfile(f"The file of {id} is not there. Run: python -m src bench --engines '{id}'")
    program = [environments.interpreter(spec.environment), "-m", CHILD]
    arguments = [id, str(artifact.folder), str(tokens), str(threads), str(calls)]
    try:
        told: dict[str, Any] = json_child.ask(
            [*program, *arguments], ROOT, clean_environment(threads), MOST_S
        )
    except json_child.NothingTold as error:
        raise NoProfile(f"{id}: its profile {error}") from error
    return told


def table(id: str, tokens: int, told: dict[str, Any]) -> str:
    """Return one profile as Markdown. Shares are of a profiled call."""
    whole = told["profiled_ms"]
    lines = [
        f"`{id}` at {tokens} tokens: {told['median_ms']:.3f} ms a call, profiled {whole:.3f} ms",
        "",
        "| operator | nodes | ms | share |",
        "|---|---|---|---|",
    ]
    rows = {kind: (each["nodes"], each["ms"]) for kind, each in told["operators"].items()}
    small = {kind: row for kind, row in rows.items() if row[1] < LEAST_SHARE * whole}
    for kind in small:
        del rows[kind]
    rows[f"{len(small)} others"] = (
        sum(row[0] for row in small.values()),
        sum(row[1] for row in small.values()),
    )
    between = whole - sum(ms for _, ms in rows.values())
    for kind, (nodes, ms) in rows.items():
        lines.append(f"| {kind} | {nodes} | {ms:.3f} | {ms / whole:.1%} |")
    lines.append(f"| between them | | {between:.3f} | {between / whole:.1%} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engines", nargs="+", metavar="ENGINE")
    parser.add_argument("--seq-len", default="16,128", metavar="16,128", help="tokens")
    parser.add_argument("--threads", type=int, default=machine.default_threads(), metavar="2")
    parser.add_argument("--calls", type=int, default=400, metavar="400", help="how many count, of each kind")
    arguments = parser.parse_args()
    try:
        with host_lock("profiles of operators", lambda holder: print(holder, file=sys.stderr)):
            for id in arguments.engines:
                for tokens in map(int, arguments.seq_len.split(",")):
                    told = profile(id, tokens, arguments.threads, arguments.calls)
                    print(table(id, tokens, told), end="\n\n", flush=True)
    except (Explained, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
