"""A queue of jobs: what is owed to images, who does it, how often it was tried and why it failed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. What is owed already gets its job, what was given up keeps waiting for a person."""
    op.create_table(
        "jobs",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_jobs_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "kind", name="pk_jobs"),
    )
    op.create_index("ix_jobs_kind_due_at", "jobs", ["kind", "due_at"])
    op.execute(
        "INSERT INTO jobs (image_id, kind, owed_at, due_at, attempts) "
        "SELECT id, 'thumbnails', created_at, CASE WHEN thumbnails = 'pending' THEN created_at END, 0 "
        "FROM images WHERE thumbnails IN ('pending', 'failed')"
    )


def downgrade() -> None:
    """Take back. What is owed stands in `images`, so nothing is lost but attempts and reasons."""
    op.drop_table("jobs")
