"""``jaxhpo report`` and ``jaxhpo compare``: their options, and the reports that they ask for."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from jaxhpo.launch.errors import Usage
from jaxhpo.launch.places import folder, shown

_ASKED = (
    "study",
    "space",
    "objective",
    "direction",
    "startup",
    "elite",
    "baseline",
    "chance",
    "seed",
)
_LOOKS = ("sections", "format", "stamp")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what a reader may choose."""
    group = parser.add_argument_group("what is computed")
    group.add_argument("--elite", type=float, metavar="SHARE", help="share of the best (0.1)")
    group.add_argument(
        "--baseline",
        metavar="FILE",
        help="what to compare with: a JSON or YAML file with a configuration, or a trial's number",
    )
    group.add_argument(
        "--chance",
        type=float,
        metavar="SCORE",
        help="what the objective is without any skill, as the share of the largest class",
    )
    group.add_argument("--seed", type=int, metavar="N", help="of every resampling (0)")
    group = looks(parser)
    group.add_argument("--sections", metavar="A,B", help="only these sections")


def looks(parser: argparse.ArgumentParser) -> Any:
    """Adds what both commands may be asked for."""
    group = parser.add_argument_group("what is shown")
    group.add_argument(
        "--format", metavar="A,B", help="of the figures: some of png, svg, pdf (png)"
    )
    group.add_argument(
        "--stamp", metavar="TEXT", help="the time to put on it, so that two runs are the same"
    )
    return group


def written(given: argparse.Namespace, records: Any) -> list[Path]:
    """Writes the report of open records, and returns its files."""
    try:
        from jaxhpo.analysis.options import Options
        from jaxhpo.report.bundle import write_report
    except ImportError as error:
        raise Usage(f'error: {error}; a report needs: pip install "jaxhpo[report]"') from error
    asked: dict[str, Any] = {
        name: value
        for name in ("elite", "chance", "seed")
        if (value := getattr(given, name)) is not None
    }
    if given.baseline is not None:
        asked["baseline"] = _baseline(given.baseline, records.trials())
    try:
        return write_report(
            records,
            Path(given.out or folder(records) / "report"),
            stamp=given.stamp,
            sections=_listed(given.sections),
            formats=_listed(given.format) or ("png",),
            command=command(given, "report", shown(str(given.dir))),
            options=Options(**asked),
        )
    except ValueError as error:
        raise Usage(f"error: {error}") from error


def compared(given: argparse.Namespace, first: Any, second: Any) -> None:
    """Says whether the second study did better than the first; with --out writes the report."""
    try:
        from jaxhpo.analysis.compare import compared, side
        from jaxhpo.analysis.options import Options
        from jaxhpo.report.bundle import write_comparison
        from jaxhpo.report.comparison import comparison
    except ImportError as error:
        raise Usage(f'error: {error}; a report needs: pip install "jaxhpo[report]"') from error
    options = Options(seed=given.seed or 0)
    names = _names(shown(given.dir), shown(given.second))
    try:
        found = compared(
            side(first, names[0], options),
            side(second, names[1], options),
            seed=options.seed,
        )
        for section in comparison(found, "").sections:
            for said in section.sentences:
                print(said.text)
        if given.out is None:
            return
        formats = _listed(given.format) or ("png",)
        again = command(given, "compare", shown(given.dir), shown(given.second))
        files = write_comparison(
            found, given.out, stamp=given.stamp, formats=formats, command=again
        )
    except ValueError as error:
        raise Usage(f"error: {error}") from error
    for path in files:
        print(path)


def _names(first: str, second: str) -> tuple[str, str]:
    """The last parts of the two studies' paths, if these tell them apart."""
    a, b = PurePath(first).name, PurePath(second).name
    return (a, b) if a and b and a != b else (first, second)


def command(given: argparse.Namespace, *start: str) -> str:
    """What makes the same report again, but for where it is put; without passwords."""
    parts = ["jaxhpo", *start]
    for name in (*_ASKED, *_LOOKS):
        value = getattr(given, name, None)
        if value is not None:
            parts += [f"--{name}", shown(str(value))]
    return shlex.join(parts)


def _listed(text: str | None) -> Sequence[str] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _baseline(text: str, trials: Sequence[Any]) -> Mapping[str, Any]:
    if text.isdigit():
        found = next((t for t in trials if t.number == int(text)), None)
        if found is None:
            raise Usage(f"error: --baseline={text}: the study has {len(trials)} trials, from 0")
        return found.config
    from jaxhpo.space.domains import tupled
    from jaxhpo.space.yaml_text import loaded

    path = Path(text)
    try:
        read = path.read_text("utf-8")
        found = json.loads(read) if path.suffix == ".json" else loaded(read)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it can't be read ({error})"
        raise Usage(
            f"error: --baseline={text}: {why}; name a JSON or YAML file with a configuration, such "
            "as best_config.json of another report, or a trial's number"
        ) from error
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        found = found["config"]
    if not isinstance(found, dict):
        raise Usage(f"error: --baseline={text}: a configuration maps names to values")
    return {name: tupled(value) for name, value in found.items()}
