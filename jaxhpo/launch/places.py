"""Where a study's records are, and where what is made from them goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jaxhpo.store.environment import masked


def folder(records: Any) -> Path:
    """The study's directory, into which reports and models go.

    For records on a server it is one in ``runs``, named after the task and the seed.
    """
    if records.path is not None:
        return records.path.parent
    name = re.sub(r"[^\w.-]+", "-", str(records.identity["task"]["name"]))
    return Path("runs") / f"{name}-seed{records.identity['seed']}"


def shown(text: str) -> str:
    """A directory or database URL, or a flag that holds one, without the password."""
    return masked(text)
