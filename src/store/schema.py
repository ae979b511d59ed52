"""The tables of kept runs and of jobs. Types that every database has; the migrations make them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def of_run(index: bool = False) -> Column[str]:
    """Return a column that names a run; what belongs to a run goes with it."""
    return Column(
        "run_id", String(40), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=index
    )


def of_events(name: str) -> Table:
    """Return a table of one kind of a run's events."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        of_run(index=True),
        Column("engine", String(80), nullable=False),
        Column("event", JSON, nullable=False),
    )


# Hosts as a reader tells them apart: two runs on one differ in libraries or load, not in this.
hosts = Table(
    "hosts",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the other columns
    Column("name", String(200), nullable=False),
    Column("cpu", String(200), nullable=False),
    Column("cpus", Integer, nullable=False),
    Column("memory_gb", Float, nullable=False),
)

# `head` and `ended` are the events; what a list of runs shows has columns of its own. `stopped` is null
# while a run is being written, by the process `writer`. Times are ISO 8601 in UTC.
runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("title", String(200)),
    Column("source", String(20), nullable=False),  # measured | imported
    Column("started_at", String(32), nullable=False, index=True),
    Column("host_id", String(64), ForeignKey("hosts.id"), nullable=False, index=True),
    Column("model", String(200), nullable=False),
    Column("preset", String(20), nullable=False),
    Column("head", JSON, nullable=False),
    Column("ended", JSON),
    Column("writer", String(200)),
    Column("stopped", String(20)),
    Column("rounds", Integer, nullable=False, default=0),
    Column("slices", Integer, nullable=False, default=0),
    Column("samples", BigInteger, nullable=False, default=0),
    Column("noisy", Boolean),
    Column("summary", JSON),  # the run's JSON but for its results and events, once it has ended
)

# What each engine loaded: its artifact, memory, facts.
loaded = Table(
    "loaded",
    metadata,
    Column("id", Integer, primary_key=True),
    of_run(index=True),
    Column("engine", String(80), nullable=False),
    Column("artifact", String(200)),
    Column("artifact_mb", Float),
    Column("event", JSON, nullable=False),
)

# How cells were warmed up, and their lead-ins: whole events (bench/record.py).
warmed, lead_ins = of_events("warmed"), of_events("lead_ins")

# `ns`: the timed calls, see store/samples.py. `pace_s` is set for paced cells.
slices = Table(
    "slices",
    metadata,
    Column("id", Integer, primary_key=True),
    of_run(index=True),
    Column("group", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("engine", String(80), nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("sequence_length", Integer, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("scope", String(20), nullable=False),
    Column("at_s", Float, nullable=False),
    Column("lead_in_ns", BigInteger, nullable=False),
    Column("disturbed", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("ns", LargeBinary, nullable=False),
    Column("lead_in", Integer),
    Column("first_ns", BigInteger),
    Column("pace_s", Float),
)

failures = Table(
    "failures",
    metadata,
    Column("id", Integer, primary_key=True),
    of_run(index=True),
    Column("engine", String(80), nullable=False),
    Column("reason", Text, nullable=False),
)

# One row per engine and case, computed from the slices once a run has ended; `row` is all of it.
results = Table(
    "results",
    metadata,
    Column("id", Integer, primary_key=True),
    of_run(index=True),
    Column("engine", String(80), nullable=False),
    Column("title", String(200), nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("sequence_length", Integer, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("scope", String(20), nullable=False),
    Column("median_ms", Float),
    Column("low_ms", Float),
    Column("high_ms", Float),
    Column("verdict", String(20)),  # null: it came without raw samples
    Column("row", JSON, nullable=False),
    Index(None, "engine", "sequence_length", "scope", "batch_size", "threads"),
)

# `number` is the order of asking. `click` names the click that asked, so that a double click is one job.
# `claimed_by` and `process` are identities (host/identity.py) of the supervisor that started it and of the
# job itself. `live` is what the page shows while it runs.
jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False),
    Column("click", String(64), nullable=False),
    Column("token_sha256", String(64), nullable=False),
    Column("owner", String(320)),
    Column("model", String(1000), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("estimate_s", Float, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("created_at", String(32), nullable=False),
    Column("started_at", String(32)),
    Column("ended_at", String(32)),
    Column("claimed_by", String(200)),
    Column("process", String(200)),
    Column("run_id", String(40), ForeignKey("runs.id", ondelete="SET NULL")),
    Column("progress", JSON),
    Column("live", JSON),
    Column("reason", Text),
    Column("cancel_asked", Boolean, nullable=False, default=False),
    UniqueConstraint("id"),
    UniqueConstraint("click"),
    sqlite_autoincrement=True,  # a number is never given again, whatever was deleted
)
