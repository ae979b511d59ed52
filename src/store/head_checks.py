"""What the head of a run from a file must be."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

Text = Annotated[str, StringConstraints(max_length=500)]


class HeadFacts(BaseModel):
    """What is read of a head's objects; they may hold more."""

    model_config = ConfigDict(strict=True, extra="allow")


class HostFacts(HeadFacts):
    cpu: Text
    system: Text
    allowed_cpus: Annotated[int, Field(ge=1, le=100_000)]
    name: Text = ""
    physical_cores: Annotated[int, Field(ge=1, le=100_000)] | None = None
    memory_gb: Annotated[float, Field(ge=0, le=1e6)] | None = None
    isa: Annotated[list[Text], Field(max_length=100)] = []
    caches: Annotated[list[Text], Field(max_length=100)] = []
    gpus: Annotated[list[Text], Field(max_length=100)] = []
    gpu_driver: Text | None = None
    libraries: Annotated[dict[Text, Text], Field(max_length=100)] = {}
    git_commit: Text | None = None
    governor: Text | None = None
    turbo: Text | None = None
    virtualisation: Text | None = None
    clock: Text | None = None


class EngineAccuracy(HeadFacts):
    accuracy: float
    gate: bool | None = None


class Accuracy(HeadFacts):
    dataset: Text
    measured: Text
    engines: dict[Text, EngineAccuracy]


class ModelFacts(HeadFacts):
    name: Text
    architecture: Text | None = None
    accuracy: Accuracy | None = None


def first_fault(error: ValidationError) -> str:
    """Return where the first fault is, what it is, and how many there are."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {fault['msg'].lower()}{more}."
