"""What came out of a run, as types: docs/results.md says what each field means.

Nothing here computes a figure. What was not measured, or was not recorded by an earlier version, is None.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property

from src import typed
from src.bench.events import SCHEMA_VERSION, Failed
from src.bench.plan import Case
from src.facts import Facts
from src.host.probe import Speed
from src.model.fingerprint import Fingerprint, in_words, of_files

Interval = tuple[float, float]
VALID, NOISY, INVALID = "valid", "noisy", "invalid"
TABLE = "table"  # how a run ended that came as a table of figures from elsewhere


@dataclass(frozen=True)
class Ramp:
    """First third of a slice's timed calls ÷ its last third, over its slices: 1 is steady."""

    ratio: float
    ci95: Interval | None
    slices: int


def ratio_text(ratio: float, ci95: Interval | None) -> str:
    """Return a ratio with its interval, where it has one, as people read it: 0.451 (0.447–0.456)."""
    return f"{ratio:.3f}" + (f" ({ci95[0]:.3f}–{ci95[1]:.3f})" if ci95 else "")


@dataclass(frozen=True)
class JudgedRatio:
    """Latency ÷ the baseline's in the same rounds. `verdict` is faster, slower or tie; None where nothing may
    be said.
    """

    ratio: float
    ci95: Interval | None
    verdict: str | None
    rounds: int
    noise_floor: float


@dataclass(frozen=True, kw_only=True)
class OfCase:
    """What belongs to one case."""

    batch_size: int
    sequence_length: int
    threads: int
    scope: str

    @property
    def case(self) -> Case:
        return Case(self.batch_size, self.sequence_length, self.threads, self.scope)


@dataclass(frozen=True, kw_only=True)
class Result(OfCase):
    """What one engine took in one case. Times are in ms, sizes in MB."""

    engine: str
    precision: str = ""
    device: str = "cpu"
    environment: str = ""
    model_fingerprint: str | None = None
    artifact_key: str | None = None
    runtime: dict[str, str] | None = None
    cpu_key: str | None = None
    samples: int = 0
    mean_ms: float | None = None
    median_ms: float | None = None
    median_ci95_ms: Interval | None = None
    min_ms: float | None = None
    std_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p90_bound_ms: float | None = None
    p95_bound_ms: float | None = None
    p99_bound_ms: float | None = None
    throughput_per_s: float | None = None
    load_s: float | None = None
    first_call_ms: float | None = None
    peak_rss_mb: float | None = None
    artifact_mb: float | None = None
    effective_threads: float | None = None
    ramp: Ramp | None = None
    switch_ms: float | None = None
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    ratios: dict[str, JudgedRatio] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.facts["title"])

    @property
    def figure_ms(self) -> float | None:
        """Return the typical latency: the median, or the mean where that is all a table told."""
        return self.median_ms if self.median_ms is not None else self.mean_ms

    @property
    def ratio(self) -> JudgedRatio | None:
        """Return the ratio to the run's baseline; None for the baseline itself."""
        return next(iter(self.ratios.values()), None)

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what exactly it is of, as far as that was recorded."""
        return Fingerprint(
            self.engine,
            self.model_fingerprint or "",
            self.artifact_key or "",
            of_files(self.facts),
            in_words(self.runtime),
            self.cpu_key or "",
        )

    @property
    def invalid(self) -> bool:
        return self.verdict == INVALID


@dataclass(frozen=True, kw_only=True)
class PacedCell(OfCase):
    """What one engine took with a pause of `pace_s` before each call.

    `cpu_speed` is that of the CPUs after a pause, as a share of theirs back to back; None where not known.
    """

    engine: str
    title: str
    device: str
    pace_s: float
    samples: int
    rounds: int
    median_ms: float | None
    median_ci95_ms: Interval | None
    verdict: str
    reasons: tuple[str, ...]
    cpu_speed: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pair(OfCase):
    """The A/A pair of a case: the baseline's second process ÷ its first, and the noise floor that follows."""

    group: int
    ratio: float | None
    ci95: Interval | None
    rounds: int
    noise_floor: float


@dataclass(frozen=True, kw_only=True)
class Harness(OfCase):
    """What the harness itself costs in a case, in µs: the engine `null`."""

    median_us: float


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What limits a run. `noise_floor` is None without an A/A pair, `noisy` where nothing was measured."""

    noise_floor: float | None = None
    pairs: tuple[Pair, ...] = ()
    slices: int = 0
    disturbed_slices: int = 0
    noisy: bool | None = None
    reasons: tuple[str, ...] = ()
    reference: Speed | None = None
    harness: tuple[Harness, ...] = ()


@dataclass(frozen=True)
class Cost:
    """How a run's time was spent, in seconds and shares."""

    measuring_s: float
    calls_s: float
    calls_share: float | None
    measurer_cpu_cores: float | None
    waited_s: float
    yielded_s: float


@dataclass(frozen=True, kw_only=True)
class Head:
    """Who, where, what, and how it ended. `host`, `model`, `plan` and `protocol` are as recorded."""

    id: str
    started_at: str
    command: str
    host: Facts
    model: Facts
    plan: Facts
    protocol: Facts
    inputs: dict[str, str]
    rounds: int = 0
    stopped: str = "unfinished"
    interrupted: bool = False
    seconds: float | None = None
    left_out: tuple[str, ...] = ()
    time: Cost | None = None


@dataclass(frozen=True)
class Summary:
    """The geometric mean of an engine's ratios to the baseline over its cases of one scope."""

    engine: str
    scope: str
    baseline: str
    cases: int
    geometric_mean_ratio: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run's figures, without the events that they were computed from."""

    head: Head
    results: tuple[Result, ...]
    noise: Noise
    paced: tuple[PacedCell, ...] = ()
    failures: tuple[Failed, ...] = ()
    summary: tuple[Summary, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def has_samples(self) -> bool:
        """Tell whether it was computed from raw samples; a table of figures from elsewhere has none."""
        return self.head.stopped != TABLE

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """Return the engines that have a result, in their order."""
        return tuple(dict.fromkeys(result.engine for result in self.results))


def to_json(run: Run) -> Facts:
    """Return a run as the JSON of docs/results.md, without its events."""
    fields = asdict(run)
    return {"schema_version": fields.pop("schema_version"), "run": fields.pop("head"), **fields}


def from_json(fields: Facts) -> Run:
    """Return the run in a JSON that `to_json` wrote; what it has besides is left out. Raises ValueError."""
    return typed.read(Run, {**fields, "head": fields.get("run")})
