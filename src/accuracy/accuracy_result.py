"""What was measured of engines' accuracy, as types that are kept as JSON."""

from dataclasses import asdict, dataclass, field

from src import typed
from src.accuracy.gate import Gate, Pairs
from src.facts import Facts
from src.model.fingerprint import Fingerprint
from src.workers.asking import Failure


@dataclass(frozen=True)
class Flip:
    """A sentence that an engine labels otherwise than the baseline does; `right` is the one that is."""

    text: str
    expected: str
    given: str
    delta_logit: float


@dataclass(frozen=True)
class Padding:
    """The same `n` sentences with and without padding to `tokens`: how many labels changed, and the largest
    difference of a logit. What is exact moves by rounding only.
    """

    tokens: int
    n: int
    flips: int
    max_abs_delta_logit: float


@dataclass(frozen=True)
class EngineAccuracy:
    """One engine on a data set.

    `agreement` to `gate` compare with the baseline and are None without it. `mcnemar_p` is the exact p-value
    of the difference in accuracy; `flipped` the first MOST_FLIPS sentences with another label. `fingerprint`
    says what exactly answered, and `measured_at` when.
    """

    engine: str
    accuracy: float
    ci95: tuple[float, float]
    agreement: float | None = None
    flips: int | None = None
    max_abs_delta_logit: float | None = None
    mean_abs_delta_logit: float | None = None
    mcnemar_p: float | None = None
    pairs: Pairs | None = None
    gate: Gate | None = None
    flipped: tuple[Flip, ...] = ()
    padding: Padding | None = None
    fingerprint: Fingerprint | None = None
    measured_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Engines on the same `n` sentences, of one data set or of several that were pooled. The hash of the
    sentences and labels, that of the weights and the CPU's key say what it may be held against.
    """

    dataset: str
    n: int
    model: str
    measured_at: str
    engines: tuple[EngineAccuracy, ...]
    host: Facts = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    dataset_sha256: str = ""
    model_fingerprint: str = ""
    cpu_key: str = ""

    def to_json(self) -> Facts:
        return asdict(self)


def from_json(fields: Facts) -> Accuracy:
    """Return the accuracy that `Accuracy.to_json` wrote. Gates of versions in which they were no intervals
    are not known. Raises ValueError.
    """
    engines = [
        {**row, "gate": row["gate"] if isinstance(row.get("gate"), dict) else None}
        for row in fields.get("engines", [])
    ]
    return typed.read(Accuracy, {**fields, "engines": engines})
