"""The tables of a study's database."""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 2
"""Raised with every change of the tables. A file of a newer version is refused."""

METADATA = sa.MetaData()

STUDY = sa.Table(
    "study",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),  # always 1: a file holds one study
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),  # JSON
    sa.Column("created", sa.Float, nullable=False),  # POSIX seconds
)

TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("known", sa.Integer, nullable=False),
    sa.Column("config", sa.Text, nullable=False),  # JSON
    sa.Column("point", sa.LargeBinary, nullable=False),  # float32, little-endian
    sa.Column("budget", sa.Integer, nullable=False),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("loss", sa.Float),
    sa.Column("metrics", sa.Text, nullable=False),  # JSON
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("seconds", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("replicates", sa.Text, nullable=False),  # JSON
    sa.Column("history", sa.Text, nullable=False),  # JSON
)

CURVES = sa.Table(
    "curves",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("values", sa.LargeBinary, nullable=False),  # float32, little-endian
)

FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
)

SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("ended", sa.Float),
    sa.Column("how", sa.Text),  # null: running, or killed
    sa.Column("info", sa.Text, nullable=False),  # JSON
)
