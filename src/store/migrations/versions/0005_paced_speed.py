"""Paced slices are judged by probes of their own: runs that have some are computed anew."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # As 0003: from its events, when next somebody looks.
    op.execute(
        "UPDATE runs SET stopped = NULL, summary = NULL WHERE stopped != 'table' "
        "AND id IN (SELECT run_id FROM slices WHERE pace_s IS NOT NULL)"
    )
