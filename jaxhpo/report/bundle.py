"""Writes a report: Markdown, one HTML page, JSON, figures and tables, in one directory."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxhpo.analysis.compare import Comparison
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.study import analysed
from jaxhpo.report.comparison import comparison
from jaxhpo.report.drawing import FORMATS, saved
from jaxhpo.report.log import log
from jaxhpo.report.markdown import markdown
from jaxhpo.report.page import page
from jaxhpo.report.parts import Table
from jaxhpo.report.report import Report, report
from jaxhpo.report.takeaway import REMOVABLE, taken_along

FORMAT = 2  # of report.json; raised when a field changes its meaning
_FOLDERS = ("figures", "tables")


def write_report(
    source: Any,
    out: str | Path,
    *,
    stamp: str | None = None,
    sections: Sequence[str] | None = None,
    formats: Sequence[str] = ("png",),
    command: str = "",
    options: Options | None = None,
) -> list[Path]:
    """Writes the report of a study.

    Two reports of equal records have equal bytes, but for the time stamp. Each file is replaced
    whole, and ``report.json``, which lists them, comes last. Files of an earlier report in `out`
    that this one does not have are removed.

    Args:
        source: a study's directory or database URL, its open records, or an `Analysis`.
        out: a directory, made if need be.
        stamp: the time to put on it; by default now.
        sections: names of those to write (`jaxhpo.report.sections.NAMES`); by default all.
        formats: of the figures' files, some of "png", "svg" and "pdf".
        command: what makes this report again; the report shows it.
        options: of the analysis, for a source that is not analysed yet.

    Returns:
        The files.

    Raises:
        ValueError: for a section or a format that there is not.
    """
    found = _analysed(source, options)
    made = report(found, stamp or _now(), wanted=sections, command=command, notes=_notes(source))
    return _written_all(made, Path(out), formats, taken_along(found))


def write_comparison(
    found: Comparison,
    out: str | Path,
    *,
    stamp: str | None = None,
    formats: Sequence[str] = ("png",),
    command: str = "",
) -> list[Path]:
    """Writes the report of two studies (`jaxhpo.analysis.compare.compared`), as `write_report`
    does that of one."""
    made = comparison(found, stamp or _now(), command=command)
    return _written_all(made, Path(out), formats, {})


def _written_all(
    made: Report, out: Path, formats: Sequence[str], texts: dict[str, str]
) -> list[Path]:
    unknown = [form for form in formats if form not in FORMATS]
    if unknown or not formats:
        raise ValueError(
            f"write_report(formats=...) must name some of {', '.join(FORMATS)}, got "
            f"{unknown[0] if unknown else 'none'!r}"
        )
    files = {
        "report.html": page(made).encode(),
        "report.md": markdown(made, _pictures(formats)).encode(),
        "full.log": log(made).encode(),
        **{f"tables/{t.name}.csv": _csv(t).encode() for t in made.tables},
        **{
            f"figures/{plot.name}.{form}": saved(plot.name, plot.size, plot.draw, form=form)
            for figure in made.figures
            for plot in figure.plots
            for form in formats
        },
        **{name: text.encode() for name, text in texts.items()},
    }
    files["report.json"] = as_json(made, sorted([*files, "report.json"])).encode()
    _remove(out, _listed(out) - set(files))
    return [_written(out / name, data) for name, data in files.items()]


def as_json(made: Report, files: list[str]) -> str:
    """Everything that the report shows, as strict JSON: the fields of what was found, the sentences
    with their evidence by section, the files, the report's command, and the time stamp. Numbers
    that are not finite are null."""
    whole = {
        "format": FORMAT,
        "stamp": made.stamp,
        "report_command": made.command,
        "notes": list(made.notes),
        "files": files,
        "sentences": {s.name: [dataclasses.asdict(x) for x in s.sentences] for s in made.sections},
        **dataclasses.asdict(made.found),
    }
    return _dumped(_strict(whole)) + "\n"


def _analysed(source: Any, options: Options | None) -> Analysis:
    if isinstance(source, Analysis):
        if options is not None:
            raise TypeError(
                "write_report(options=...) is for records: an Analysis has its own already, in "
                "Analysis.options; analyse again with others"
            )
        return source
    if not isinstance(source, str | Path):
        return analysed(source, options)
    from jaxhpo.store.records import open_records

    with open_records(source, read_only=True) as records:
        return analysed(records, options)


def _notes(source: Any) -> Sequence[str]:
    """What had to be assumed to read open records of a study from elsewhere."""
    facts = getattr(source, "facts", None)
    return () if facts is None else tuple(facts().get("notes", ()))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _pictures(formats: Sequence[str]) -> str:
    """Which format Markdown shows: not every reader shows PDF."""
    return min(formats, key=FORMATS.index)


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _dumped(value: Any, indent: str = "") -> str:
    """JSON with a line for each entry, but a list of plain values in one line."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{_plain(k)}: {_dumped(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        lines = [f"{inner}{_dumped(v, inner)}" for v in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _csv(table: Table) -> str:
    """Whole numbers, not the rounded ones that are shown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows(table.rows)
    return text.getvalue()


def _listed(out: Path) -> set[str]:
    """The files of an earlier report that stands there."""
    try:
        found = json.loads((out / "report.json").read_text("utf-8"))["files"]
        return {name for name in found if isinstance(name, str)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _remove(out: Path, names: set[str]) -> None:
    for name in names:
        path = Path(name)
        inside = len(path.parts) == 2 and path.parts[0] in _FOLDERS
        if (inside or name in REMOVABLE) and path.name not in (".", ".."):
            (out / path).unlink(missing_ok=True)


def _written(path: Path, data: bytes) -> Path:
    """Writes beside `path` and then takes its place, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)
    return path
