"""Writes a report: Markdown, one HTML page, JSON, figures, tables, in one directory."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
import math
import os
from pathlib import Path
from typing import Any

from jaxhpo.analysis.study import Analysis, analysed
from jaxhpo.report import sentences
from jaxhpo.report.figures import figures
from jaxhpo.report.markdown import markdown
from jaxhpo.report.page import page
from jaxhpo.report.tables import Table, tables


def write_report(source: Any, out: str | Path, *, stamp: str | None = None) -> list[Path]:
    """Writes the report of a study.

    Two reports of equal records have equal bytes, but for the time stamp.

    Args:
        source: a study's directory, or its open records. out: a directory, made if need be.
        stamp: the time to put on it; by default now.

    Returns:
        The files.
    """
    if isinstance(source, str | Path):
        from jaxhpo.store.records import open_records

        with open_records(source, read_only=True) as records:
            found = analysed(records)
    else:
        found = analysed(source)
    stamp = stamp or datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    drawn, made = figures(found), tables(found)
    out = Path(out)
    files: dict[str, bytes] = {
        "report.md": markdown(found, made, drawn, stamp).encode(),
        "report.html": page(found, made, drawn, stamp).encode(),
        "report.json": as_json(found, stamp).encode(),
    }
    files |= {f"figures/{figure.name}.png": figure.png for figure in drawn}
    files |= {f"tables/{table.name}.csv": _csv(table).encode() for table in made}
    return [_written(out / name, data) for name, data in files.items()]


def as_json(found: Analysis, stamp: str) -> str:
    """Everything that the report shows, as strict JSON: the fields of `Analysis`, the sentences
    with their evidence, and the time stamp. Numbers that are not finite are null."""
    said = {
        name: [dataclasses.asdict(s) for s in getattr(sentences, name)(found)]
        for name in ("headline", "course", "directions", "trials")
    }
    whole = {"stamp": stamp, "sentences": said, **dataclasses.asdict(found)}
    return json.dumps(_strict(whole), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return text.getvalue()


def _written(path: Path, data: bytes) -> Path:
    """Writes beside `path` and then takes its place, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)
    return path
