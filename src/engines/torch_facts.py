"""What every engine on torch can tell of itself, on torch 1.9 as on today's."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Dict, Iterable

from src.facts import Facts


def runtime_facts(torch: Any) -> Facts:
    """Return torch's version, threads and the instruction set it dispatches to."""
    if hasattr(torch.backends, "cpu"):
        capability = torch.backends.cpu.get_cpu_capability()
    else:  # before torch 2.0
        found = re.search(r"CPU capability usage: (\w+)", torch.__config__.show())
        capability = found.group(1) if found else "not told"
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu_capability": capability,
        "onednn": bool(torch.backends.mkldnn.is_available()),
    }


def dtypes_of(tensors: Iterable[Any]) -> Dict[str, int]:
    """Return how many tensors there are of each dtype."""
    return dict(Counter(str(tensor.dtype).replace("torch.", "") for tensor in tensors))


def graph_facts(module: Any) -> Facts:
    """Return which operators a frozen or traced graph has, and the dtypes of its weights."""
    graph = module.inlined_graph
    nodes = list(graph.nodes())
    kinds = Counter(node.kind() for node in nodes)
    # Frozen weights are constants of the graph; those of a traced one are attributes of the module.
    constants = [
        node.t("value")
        for node in nodes
        if node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t"
    ]
    weights = [one for one in (*constants, *module.parameters(), *module.buffers()) if one.numel() > 1]
    return {
        "operators": dict(kinds.most_common()),
        "weights": dtypes_of(weights),
        "linears": kinds["aten::linear"],
        "quantised_linears": kinds["quantized::linear_dynamic"],
    }
