"""Lead-ins, cold calls and paced cells; what was computed with the first estimator is computed anew."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "lead_ins",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("engine", sa.String(80), nullable=False),
        sa.Column("event", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lead_ins"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_lead_ins_run_id_runs", ondelete="CASCADE"),
    )
    op.create_index("ix_lead_ins_run_id", "lead_ins", ["run_id"])
    op.add_column("slices", sa.Column("lead_in", sa.Integer))
    op.add_column("slices", sa.Column("first_ns", sa.BigInteger))
    op.add_column("slices", sa.Column("pace_s", sa.Float))
    # A run without an end is settled from its events when next somebody looks (store.writing.settle_orphans).
    # One that came as a table has none.
    op.execute("UPDATE runs SET stopped = NULL, summary = NULL WHERE stopped != 'table'")
