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
    name = re.sub(r"[^\w.-]+", "-", str(records.identity["task"]["name"])).strip(".") or "study"
    seed = records.identity.get("seed")  # a study from elsewhere has none
    return Path("runs") / (name if seed is None else f"{name}-seed{seed}")


def shown(text: str) -> str:
    """A directory or database URL, or a flag that holds one, without the password."""
    return masked(text)
