"""The first form of the database: runs with their raw samples, and jobs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_hosts_and_runs()
    create_parts()
    create_jobs()


def create_hosts_and_runs() -> None:
    op.create_table(
        "hosts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cpu", sa.String(200), nullable=False),
        sa.Column("cpus", sa.Integer, nullable=False),
        sa.Column("memory_gb", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hosts"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("title", sa.String(200)),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("host_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("preset", sa.String(20), nullable=False),
        sa.Column("head", sa.JSON, nullable=False),
        sa.Column("ended", sa.JSON),
        sa.Column("writer", sa.String(200)),
        sa.Column("stopped", sa.String(20)),
        sa.Column("rounds", sa.Integer, nullable=False),
        sa.Column("slices", sa.Integer, nullable=False),
        sa.Column("samples", sa.BigInteger, nullable=False),
        sa.Column("noisy", sa.Boolean),
        sa.Column("summary", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name="fk_runs_host_id_hosts"),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_index("ix_runs_host_id", "runs", ["host_id"])


def parts() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return what a run consists of: tables whose rows go with it, by name."""
    return {
        "loaded": (
            sa.Column("engine", sa.String(80), nullable=False),
            sa.Column("artifact", sa.String(200)),
            sa.Column("artifact_mb", sa.Float),
            sa.Column("event", sa.JSON, nullable=False),
        ),
        "warmed": (
            sa.Column("engine", sa.String(80), nullable=False),
            sa.Column("event", sa.JSON, nullable=False),
        ),
        "slices": (
            sa.Column("group", sa.Integer, nullable=False),
            sa.Column("round", sa.Integer, nullable=False),
            sa.Column("attempt", sa.Integer, nullable=False),
            sa.Column("engine", sa.String(80), nullable=False),
            sa.Column("batch_size", sa.Integer, nullable=False),
            sa.Column("sequence_length", sa.Integer, nullable=False),
            sa.Column("threads", sa.Integer, nullable=False),
            sa.Column("scope", sa.String(20), nullable=False),
            sa.Column("at_s", sa.Float, nullable=False),
            sa.Column("lead_in_ns", sa.BigInteger, nullable=False),
            sa.Column("disturbed", sa.JSON, nullable=False),
            sa.Column("evidence", sa.JSON, nullable=False),
            sa.Column("ns", sa.LargeBinary, nullable=False),
        ),
        "failures": (
            sa.Column("engine", sa.String(80), nullable=False),
            sa.Column("reason", sa.Text, nullable=False),
        ),
        "results": (
            sa.Column("engine", sa.String(80), nullable=False),
            sa.Column("title", sa.String(200), nullable=False),
            sa.Column("batch_size", sa.Integer, nullable=False),
            sa.Column("sequence_length", sa.Integer, nullable=False),
            sa.Column("threads", sa.Integer, nullable=False),
            sa.Column("scope", sa.String(20), nullable=False),
            sa.Column("median_ms", sa.Float),
            sa.Column("low_ms", sa.Float),
            sa.Column("high_ms", sa.Float),
            sa.Column("verdict", sa.String(20)),
            sa.Column("row", sa.JSON, nullable=False),
        ),
    }


def create_parts() -> None:
    for name, columns in parts().items():
        op.create_table(
            name,
            sa.Column("id", sa.Integer, nullable=False),
            sa.Column("run_id", sa.String(40), nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
            sa.ForeignKeyConstraint(
                ["run_id"], ["runs.id"], name=f"fk_{name}_run_id_runs", ondelete="CASCADE"
            ),
        )
        op.create_index(f"ix_{name}_run_id", name, ["run_id"])
    op.create_index(
        "ix_results_engine_sequence_length_scope_batch_size_threads",
        "results",
        ["engine", "sequence_length", "scope", "batch_size", "threads"],
    )


def create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("click", sa.String(64), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(320)),
        sa.Column("model", sa.String(1000), nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("estimate_s", sa.Float, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32)),
        sa.Column("ended_at", sa.String(32)),
        sa.Column("claimed_by", sa.String(200)),
        sa.Column("process", sa.String(200)),
        sa.Column("run_id", sa.String(40)),
        sa.Column("progress", sa.JSON),
        sa.Column("live", sa.JSON),
        sa.Column("reason", sa.Text),
        sa.Column("cancel_asked", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_jobs_run_id_runs", ondelete="SET NULL"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.UniqueConstraint("click", name="uq_jobs_click"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
