"""What to do next: each parameter's range in the next search, why, and the spaces as files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from jaxhpo.analysis.advice import Advice
from jaxhpo.analysis.next_space import NextSpace
from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Code, Column, Part, Sentence, Table

TITLE = "What to do next"
_MANY = 0.5  # of the elite
_VERBS = {
    "widen": "Widen",
    "narrow": "Narrow",
    "move": "Move",
    "drop": "Drop choices of",
    "fix": "Fix",
}


def parts(found: Analysis) -> Iterator[Part | None]:
    """What to change, by how much the space shrinks, the table of all, the files."""
    if found.summary.best is None:
        return
    yield list(_said(found))
    yield _table(found)
    for space in reversed(found.next_spaces):
        yield Code(title=filename(space), language="yaml", text=space.yaml, folded=True)
    if found.advice:
        yield _command(found)


def filename(space: NextSpace) -> str:
    """Of the file in the bundle."""
    return f"next_space_{space.name}.yaml"


def _first(found: Analysis) -> Iterator[Sentence]:
    """What to do before a new search."""
    n = found.summary.spread.n
    if found.confirmation.status != "confirmed" and n > 1:
        yield Sentence(
            text="Confirm the best before relying on it: train it again with fresh seeds, by "
            f"jaxhpo confirm for a study of ours. It is the best of {n} and was not confirmed.",
            evidence="/confirmation/status",
        )
    late = found.early.late
    if late is not None and late >= _MANY:
        yield Sentence(
            text=f"Train longer: {words.percent(late)} of n = {found.early.n_elite} elite trials "
            "were best in the last tenth of their training.",
            evidence="/early/late",
        )


def _said(found: Analysis) -> Iterator[Sentence]:
    yield from _first(found)
    ranges = {p.name: words.domain(p) for p in found.parameters}
    for place, a in enumerate(found.advice):
        if a.action != "keep":
            yield Sentence(text=_changed(a, ranges[a.parameter]), evidence=f"/advice/{place}")
    kept: dict[str, list[str]] = {}
    for a in found.advice:
        if a.action == "keep":
            kept.setdefault(a.reason, []).append(a.parameter)
    changed = len(found.advice) - sum(map(len, kept.values()))
    if found.advice and not changed:
        yield Sentence(
            text="Nothing in these trials is ground enough to change the space: search on as it "
            f"is, or with more trials (n = {found.summary.spread.n} complete).",
            evidence="/advice",
        )
    elif kept:
        names = [name for names in kept.values() for name in names]
        text = f"Keep as it is, for the reasons in the table: {words.some(names)}."
        yield Sentence(text=text, evidence="/advice")
    for place, space in enumerate(found.next_spaces):
        if space.changed or space.fixed:
            yield Sentence(text=_shrinks(space), evidence=f"/next_spaces/{place}")


def _changed(a: Advice, today: str) -> str:
    grade = f"; {a.grade}" if a.grade else ""
    return f"{_VERBS[a.action]} {a.parameter}: {_to(a)} (today {today}). {_sentence(a.reason)}" + (
        f" [{', '.join(a.rules)}; n = {a.n}{grade}]"
    )


def _to(a: Advice) -> str:
    if a.action == "fix":
        return f"at {words.setting(a.value)}"
    if a.action == "drop":
        dropped = words.listed([words.setting(v) for v in a.dropped])
        return f"{dropped}, keep {words.listed([words.setting(v) for v in a.kept])}"
    return f"{words.setting(a.low)} to {words.setting(a.high)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _shrinks(space: NextSpace) -> str:
    searched = (
        f"{space.after} of {space.before} parameters are still searched"
        if space.after < space.before
        else f"all {space.before} parameters are searched"
    )
    return (
        f"{filename(space)}: {searched}, over {words.number(space.volume)} times the volume of "
        "today, on the scale that is searched."
    )


def _table(found: Analysis) -> Table:
    ranges = {p.name: words.domain(p) for p in found.parameters}
    return Table(
        name="advice",
        title="The next search, parameter by parameter",
        note="The rules are written down in jaxhpo.analysis.advice. No gain is forecast: nothing "
        "here says by how much the next search would be better.",
        columns=(
            Column(name="parameter"),
            Column(name="today"),
            Column(name="action"),
            Column(name="next"),
            Column(name="rule"),
            Column(name="grade"),
            Column(name="n", right=True),
            Column(name="interval", right=True),
            Column(name="interval of"),
            Column(name="reason"),
        ),
        rows=tuple(
            (
                a.parameter,
                ranges[a.parameter],
                a.action,
                "" if a.action == "keep" else _to(a),
                ", ".join(a.rules),
                a.grade,
                a.n,
                _interval(a),
                a.unit,
                a.reason,
            )
            for a in found.advice
        ),
    )


def _interval(a: Advice) -> str:
    found = a.interval
    if found is None or found.low is None or found.high is None:
        return ""
    show: Any = words.strength if a.unit == "coordinate" else words.number
    return f"{show(found.low)} to {show(found.high)}"


def _command(found: Analysis) -> Code:
    """How the next search is started: as this one was, if that is known."""
    command = list(found.command or ())
    aggressive = "next_space_aggressive.yaml"
    if "-m" in command[:-1]:
        module = command[command.index("-m") + 1]
        text = shlex.join(["python", "-m", module, f"--space={aggressive}", "--workdir=NEW"])
    else:
        text = f"python -c \"from jaxhpo import Space; print(Space.from_yaml('{aggressive}'))\""
    return Code(title="To go on from here", language="sh", text=text)
