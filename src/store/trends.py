"""One engine over many runs."""

from dataclasses import asdict, dataclass

from sqlalchemy import func, select

from src.bench.plan import Case
from src.model.fingerprint import NOT_RECORDED, in_words
from src.store import schema
from src.store.database import Store


@dataclass(frozen=True)
class Point:
    """One engine's figure of a case in one run. Of `weights`, `artifact` and `runtime` (releases by name)
    None is what was not recorded.
    """

    run_id: str
    started_at: str
    host: str
    cpu: str
    cpus: int
    model: str
    median_ms: float
    low_ms: float | None
    high_ms: float | None
    verdict: str | None
    source: str
    weights: str | None
    artifact: str | None
    runtime: dict[str, str] | None

    @property
    def host_id(self) -> str:
        """Return what tells a host from another: its name and CPUs. Not its memory, of which a kernel's
        update may take some.
        """
        return f"{self.host}, {self.cpu}, {self.cpus}"

    @property
    def subject(self) -> tuple[str, str, str, str, str]:
        """Return what exactly was measured, and where: only figures of one subject are a series."""
        weights, artifact = self.weights or NOT_RECORDED, self.artifact or NOT_RECORDED
        return self.host_id, self.model, weights, artifact, in_words(self.runtime) or NOT_RECORDED


def engines(store: Store) -> dict[str, str]:
    """Return every engine that has results, by id with its title."""
    table = schema.results.c
    with store.read() as connection:
        query = select(table.engine, func.max(table.title)).group_by(table.engine).order_by(table.engine)
        return {row[0]: row[1] for row in connection.execute(query)}


def cases(store: Store, engine: str) -> list[Case]:
    """Return the cases that an engine has results of."""
    table = schema.results.c
    columns = (table.batch_size, table.sequence_length, table.threads, table.scope)
    with store.read() as connection:
        query = select(*columns).where(table.engine == engine).distinct()
        return sorted(Case(*row) for row in connection.execute(query))


def trend(store: Store, engine: str, case: Case) -> list[Point]:
    """Return one engine's figures of a case over all runs, oldest first."""
    table, runs, hosts = schema.results, schema.runs.c, schema.hosts.c
    query = (
        select(
            runs.id.label("run_id"),
            runs.started_at,
            hosts.name.label("host"),
            hosts.cpu,
            hosts.cpus,
            runs.model,
            table.c.median_ms,
            table.c.low_ms,
            table.c.high_ms,
            table.c.verdict,
            runs.source,
            table.c.row["model_fingerprint"].as_string().label("weights"),
            table.c.row["artifact_key"].as_string().label("artifact"),
            table.c.row["runtime"].as_json().label("runtime"),
        )
        .join_from(table, schema.runs)
        .join(schema.hosts)
        .where(table.c.engine == engine, table.c.median_ms.is_not(None))
        .order_by(runs.started_at)
    )
    for name, value in asdict(case).items():
        query = query.where(table.c[name] == value)
    with store.read() as connection:
        return [Point(**row) for row in connection.execute(query).mappings()]
