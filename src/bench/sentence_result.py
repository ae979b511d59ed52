"""What was measured for one sentence, as types that travel between processes as JSON."""

from dataclasses import asdict, dataclass

from src import typed
from src.accuracy.known_accuracy import Known
from src.facts import Facts
from src.model.fingerprint import Fingerprint
from src.workers.asking import Failure


@dataclass(frozen=True)
class SentenceNoise:
    """The host while it was measured, in cores: CPU used by other processes, the app's own part of that (None
    where no app asked), and what the hypervisor stole.
    """

    others_cores: float
    steal_cores: float
    noisy: bool
    reason: str
    app_cores: float | None = None


@dataclass(frozen=True)
class Latency:
    """Times of one scope: the median of the round medians, their interval, and how many calls there were.

    `steady` tells whether the timed calls no longer got faster, within a visit or since its lead-in.
    `switch_ms` is the first call after other engines ran, the median over the rounds; None in scope `model`,
    as a visit begins with the pipeline. `lead_in` counts the untimed calls of a visit.
    """

    median_ms: float
    ci95_ms: tuple[float, float]
    samples: int
    rounds: int
    steady: bool
    lead_in: int
    switch_ms: float | None


@dataclass(frozen=True)
class EngineResult:
    """What one engine answered and how fast.

    `probability` is that of positive; `agrees` is None without a baseline. `fingerprint` says what exactly
    answered, `accuracy` what is known of that one's.
    """

    engine: str
    label: str
    probability: float
    logits: tuple[float, float]
    agrees: bool | None
    max_abs_delta_logit: float | None
    device: str
    fingerprint: Fingerprint
    accuracy: Known | None
    model: Latency
    pipeline: Latency
    load_s: float
    first_call_ms: float
    pss_mb: float
    facts: Facts

    def latency(self, scope: str) -> Latency:
        return self.pipeline if scope == "pipeline" else self.model


@dataclass(frozen=True)
class SentenceResult:
    """Everything measured for one sentence."""

    text: str
    tokens: int
    truncated: bool
    model: Facts
    host: Facts
    threads: int
    measured_at: str
    engines: tuple[EngineResult, ...]
    failures: tuple[Failure, ...]
    noise: SentenceNoise

    @property
    def fastest_first(self) -> list[EngineResult]:
        return sorted(self.engines, key=lambda engine: engine.pipeline.median_ms)

    def to_json(self) -> Facts:
        return asdict(self)


def from_json(found: Facts) -> SentenceResult:
    """Return what `SentenceResult.to_json` wrote, also after a way through JSON. Raises ValueError."""
    return typed.read(SentenceResult, found)
