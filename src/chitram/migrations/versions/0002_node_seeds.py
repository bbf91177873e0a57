"""Each node's seed, by which a node that joins finds its place. Nodes that are there keep theirs: 0 changes nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. The default in the database is for processes of the version before, which know no seed."""
    op.add_column("cache_node", sa.Column("seed", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back. Nodes that have joined since are then placed as if they had been there from the start."""
    op.drop_column("cache_node", "seed")
