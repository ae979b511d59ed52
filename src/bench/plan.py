"""The plan: which engines, which cases, and the protocol's settings. An impossible plan is refused here."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from pydantic import TypeAdapter, ValidationError

from src import releases
from src.bench import inputs, windows
from src.engines import registry
from src.engines.spec import EngineSpec
from src.errors import Explained
from src.facts import Facts
from src.host import machine
from src.stats import FEWEST_SAMPLES

SCOPES = ("model", "pipeline")
LARGEST_BATCH = 1024
LEAST_BUDGET_S = 10.0
DEFAULT_PRECISION = 0.02
BLOCKS, PUBLISHED_BLOCKS, MOST_BLOCKS = 3, 5, 10  # of a confirmation, of presets to publish, of any run
DEMO_PACE_S = 0.5  # between two requests of Infinity's demo


class BadPlan(Explained, ValueError):
    """A plan that cannot be carried out. The message says why and what to ask for instead."""


@dataclass(frozen=True, order=True)
class Case:
    """One workload: batch size × sequence length (tokens) × threads × scope."""

    batch_size: int
    sequence_length: int
    threads: int
    scope: str

    def __str__(self) -> str:
        return f"{self.batch_size} × {self.sequence_length} tokens, {self.threads} threads, {self.scope}"


@dataclass(frozen=True)
class Plan:
    """Engines × cases and the protocol's settings.

    `engines` are registry ids without the baseline's twin; `percentile` is the highest one asked for, which
    sets how many samples each cell needs; `precision` is the half-width, as a share, that every ratio's
    interval should reach; `budget_s` bounds the whole run, `pace_s` is the pause before each call;
    `demo_pace_s`, where not 0, asks for paced cells at the end (see bench/paced.py) with such a pause.
    `anchors` stay in memory beside the baseline where not all engines fit there together; the engines of
    the same row in other releases are compared with them. `confirms` is the run whose steps this one repeats.
    `blocks`: so often each engine is given a new process, one block of rounds after another. Who of
    those `racing` is slower than their leaders is dropped (bench/race.py). `shares`, where there are any, say
    for how large a share of somebody's texts each sequence length stands. With `tails` engines are
    compared by their 99th percentile, for which each block has calls enough (bench/windows.py).
    """

    engines: tuple[str, ...]
    sequence_lengths: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    threads: tuple[int, ...]
    scopes: tuple[str, ...]
    budget_s: float
    percentile: int = 99
    precision: float = DEFAULT_PRECISION
    pace_s: float = 0.0
    seed: int = 0
    baseline: str = registry.BASELINE
    preset: str = ""
    demo_pace_s: float = 0.0
    anchors: tuple[str, ...] = ()
    confirms: str = ""
    blocks: int = 1
    racing: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    tails: bool = False

    @property
    def staying(self) -> frozenset[str]:
        """Return the engines that are in every memory group."""
        return frozenset((self.baseline, *self.anchors))

    def anchor_of(self, engine: str) -> str | None:
        """Return the anchor that is of the same row as an engine; None where there is none."""
        row = releases.without_version(engine)
        return next((anchor for anchor in self.anchors if releases.without_version(anchor) == row), None)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Return the cases in the order of their fields."""
        return tuple(
            Case(*fields)
            for fields in product(self.batch_sizes, self.sequence_lengths, self.threads, self.scopes)
        )

    @property
    def samples(self) -> int:
        """Return how many samples each cell needs for the percentile asked for."""
        return max(FEWEST_SAMPLES[self.percentile], windows.samples(self.blocks) if self.tails else 0)


# What is asked first of this tool and is loaded within seconds: eager PyTorch and what is fastest of each.
QUICK = (
    *("pytorch-fp32", "torchscript-fp32", "torchscript-int8", "onnxruntime-fp32", "onnxruntime-int8"),
    *("onnxruntime-int8-fused", "openvino-fp32", "openvino-int8", registry.NULL),
)
# The columns of the write-up's CPU table with today's libraries, and with those of 2021; and what answers are
# compared with.
WRITEUP = (
    *("pytorch-fp32", "torchscript-fp32", "torchscript-int8", "ipex-fp32", "ipex-int8"),
    *("onnxruntime-fp32", "onnxruntime-int8", "2021-torchscript-fp32", "2021-torchscript-int8"),
    *("2021-onnxruntime-fp32", "2021-onnxruntime-int8", registry.NULL),
)
ALL = "all"


def default_engines(wanted: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Return those of `wanted` (of all) that can run here; `null` tells the harness's own cost."""
    here = registry.available(answering=False)
    return tuple(spec.id for spec in here if wanted is None or spec.id in wanted)


@lru_cache
def adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def from_json(fields: Facts) -> Plan:
    """Return the plan that `dataclasses.asdict` made an object of, also after a way through JSON.

    Raises BadPlan for what has other names or types, or shares of other lengths; whether it can be carried
    out is for `accept` to say.
    """
    try:
        plan = adapter().validate_json(json.dumps(fields), strict=True)
    except (ValidationError, TypeError, ValueError) as error:
        raise BadPlan(f"This is no plan ({str(error).splitlines()[-1].strip()}).") from error
    check_shares(plan)
    return plan


def check_shares(plan: Plan) -> None:
    """Raise BadPlan unless a plan has no shares, or one for each of its lengths."""
    count = len(plan.shares)
    if count and (count != len(plan.sequence_lengths) or not all(0 < share <= 1 for share in plan.shares)):
        raise BadPlan(f"Shares of {plan.shares} were asked for. Give one above 0 for each sequence length.")


@dataclass(frozen=True)
class Preset:
    """A plan but for the host it meets."""

    title: str
    make: Callable[[], Plan]


def quick() -> Plan:
    engines = default_engines(QUICK)
    return Plan(engines, (16, 128), (1,), (machine.default_threads(),), ("model",), 55.0, 90, preset="quick")


def writeup() -> Plan:
    engines = default_engines(WRITEUP)
    threads = (machine.default_threads(),)
    return Plan(
        engines,
        (16, 128),
        (1,),
        threads,
        SCOPES,
        900.0,
        99,
        preset="writeup",
        demo_pace_s=DEMO_PACE_S,
        blocks=PUBLISHED_BLOCKS,
    )


def full() -> Plan:
    return Plan(
        default_engines(),
        (8, 16, 32, 64, 128, 256, 512),
        (1, 2, 4, 8, 16, 32),
        (machine.default_threads(),),
        ("model",),
        3 * 3600.0,
        90,
        precision=0.05,
        preset="full",
        blocks=PUBLISHED_BLOCKS,
    )


PRESETS = {
    "quick": Preset("a few engines, 16 and 128 tokens, scope model, p90 only, under 60 s", quick),
    "writeup": Preset("the write-up's CPU table, today's libraries and those of 2021, both scopes", writeup),
    "full": Preset("every engine, 8 to 512 tokens, batches of 1 to 32; up to three hours", full),
}


def preset(name: str) -> Plan:
    """Return a preset's plan for this host. Raises BadPlan."""
    if name not in PRESETS:
        raise BadPlan(f"There is no preset “{name}”. Choose one of {', '.join(PRESETS)}.")
    return PRESETS[name].make()


def has_presets_budget(plan: Plan) -> bool:
    """Tell whether a plan has its preset's budget, and not one that somebody chose."""
    return plan.preset in PRESETS and PRESETS[plan.preset].make().budget_s == plan.budget_s


def accept(plan: Plan) -> tuple[Plan, list[tuple[str, str]]]:
    """Return the plan that can be carried out, baseline first, and (engine, reason) of what cannot run here.

    Raises BadPlan or UnknownEngine for a plan that makes no sense on this host.
    """
    check_cases(plan)
    check_limits(plan)
    check_shares(plan)
    if plan.racing and len(plan.batch_sizes) * len(plan.threads) * len(plan.scopes) * plan.blocks != 1:
        raise BadPlan("A race is of one batch size, thread count, scope and block. Ask for one of each.")
    if not plan.engines:
        raise BadPlan("No engine was asked for. Name at least one.")
    # One configuration has one id, in whatever order its options were asked for.
    baseline, *asked = (registry.get(id).id for id in (plan.baseline, *plan.engines))
    engines, missing = [], []
    for id in dict.fromkeys((baseline, *asked)):
        unavailable = registry.availability(registry.get(id))
        if unavailable:
            missing.append((id, f"{unavailable.reason} {unavailable.remedy}"))
        else:
            engines.append(id)
    if not engines:
        raise BadPlan(
            "None of the engines asked for can run here. " + " ".join(reason for _, reason in missing)
        )
    return replace(
        plan,
        baseline=baseline,
        engines=tuple(engines),
        sequence_lengths=tuple(dict.fromkeys(plan.sequence_lengths)),
        batch_sizes=tuple(dict.fromkeys(plan.batch_sizes)),
        threads=tuple(dict.fromkeys(plan.threads)),
        scopes=tuple(dict.fromkeys(plan.scopes)),
    ), missing


def check_cases(plan: Plan) -> None:
    """Raise BadPlan for cases, or a number of blocks, that are not possible here."""
    for name, values, least, most in (
        ("sequence length", plan.sequence_lengths, inputs.SHORTEST, inputs.LONGEST),
        ("batch size", plan.batch_sizes, 1, LARGEST_BATCH),
        ("thread count", plan.threads, 1, machine.usable_cpus()),
        ("number of blocks", (plan.blocks,), 1, MOST_BLOCKS),
    ):
        if not values:
            raise BadPlan(f"No {name} was asked for. Name at least one.")
        for value in values:
            if not least <= value <= most:
                raise BadPlan(f"A {name} of {value} was asked for; from {least} to {most} is possible here.")
    if not plan.scopes or set(plan.scopes) - set(SCOPES):
        raise BadPlan(
            f"The scopes {', '.join(plan.scopes) or '(none)'} were asked for. Ask for {' or '.join(SCOPES)}."
        )


def check_limits(plan: Plan) -> None:
    """Raise BadPlan for a budget, a percentile, a precision or pauses that make no sense."""
    if not (math.isfinite(plan.budget_s) and plan.budget_s >= LEAST_BUDGET_S):
        raise BadPlan(f"A budget of {plan.budget_s:g} s was asked for. Give at least {LEAST_BUDGET_S:g} s.")
    if plan.percentile not in FEWEST_SAMPLES:
        raise BadPlan(f"Percentile {plan.percentile} was asked for; choose one of {sorted(FEWEST_SAMPLES)}.")
    if not 0 < plan.precision < 1:
        raise BadPlan(f"A precision of {plan.precision:g} was asked for. Give a share such as 0.02 for ±2 %.")
    if not (0 <= plan.pace_s <= 60 and 0 <= plan.demo_pace_s <= 60):
        pause_s = max(plan.pace_s, plan.demo_pace_s, key=abs)
        raise BadPlan(f"A pause of {pause_s:g} s before each call was asked for. Give 0 to 60 s.")
    fastest = plan.pace_s * plan.samples * len(plan.cases) * (len(plan.engines) + 1)
    if fastest > plan.budget_s:
        raise BadPlan(
            f"The pauses alone would take {fastest:.0f} s, and the budget is {plan.budget_s:.0f} s. Ask for "
            "a larger budget (--budget), fewer engines or cases, or a lower percentile (--percentile)."
        )


def specs(plan: Plan) -> list[EngineSpec]:
    """Return the registry's rows of the plan's engines."""
    return [registry.get(id) for id in plan.engines]
