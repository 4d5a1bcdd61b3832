"""The next search: each parameter's range in the next search, why, and the spaces as files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from jaxhpo.analysis.ground import Advice
from jaxhpo.analysis.next_space import NextSpace
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Code, Column, Part, Sentence, Table

TITLE = "The next search"
_REASONS = 3  # for keeping, that are said; the table has all
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
    yield from _tables(found)
    yield _bounds(found)
    for space in reversed(found.next_spaces):
        yield Code(title=filename(space), language="yaml", text=space.yaml, folded=True)
    if found.advice:
        yield _command(found)


def filename(space: NextSpace) -> str:
    """Of the file in the bundle."""
    return f"next_space_{space.name}.yaml"


def _said(found: Analysis) -> Iterator[Sentence]:
    ranges = {p.name: words.domain(p, most=words.MANY) for p in found.parameters}
    alike: dict[tuple[str, int, str], list[int]] = {}
    for place, a in enumerate(found.advice):
        if a.action != "keep":
            alike.setdefault((a.action, a.n, a.grade), []).append(place)
    for places in alike.values():
        pieces = [found.advice[place] for place in places]
        if len(pieces) > 1:
            yield Sentence(text=_together(pieces), evidence="/advice")
        else:
            text = _changed(pieces[0], ranges[pieces[0].parameter])
            yield Sentence(text=text, evidence=f"/advice/{places[0]}")
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
    yield from _kept(kept)
    for place, space in enumerate(found.next_spaces):
        if space.changed or space.fixed:
            yield Sentence(text=_shrinks(space), evidence=f"/next_spaces/{place}")


def _kept(kept: dict[str, list[str]]) -> Iterator[Sentence]:
    """By reason, if there are few."""
    if len(kept) <= _REASONS:
        for reason, names in kept.items():
            text = f"Keep {words.some(names)}: {reason.removesuffix('.')}."
            yield Sentence(text=text, evidence="/advice")
        return
    names = [name for names in kept.values() for name in names]
    text = f"Keep as it is, for the reasons in the table: {words.some(names)}."
    yield Sentence(text=text, evidence="/advice")


def _changed(a: Advice, today: str) -> str:
    grade = f"; {a.grade} evidence" if a.grade else ""
    return f"{_VERBS[a.action]} {a.parameter}: {_to(a)} (today {today}; n = {a.n}{grade})."


def _together(pieces: list[Advice]) -> str:
    """One action for several parameters, of one n and grade."""
    first = pieces[0]
    grade = f"; {first.grade} evidence" if first.grade else ""
    each = [f"{a.parameter}: {_to(a)}" for a in pieces]
    return f"{_VERBS[first.action]} {'; '.join(each)} (n = {first.n}{grade})."


def _to(a: Advice) -> str:
    if a.action == "fix":
        return f"at {words.setting(a.value)}"
    if a.action == "drop":
        dropped = words.listed([words.setting(v) for v in a.dropped])
        return f"{dropped}, keep {words.listed([words.setting(v) for v in a.kept])}"
    return f"{words.setting(a.low)} to {words.setting(a.high)}"


def _shrinks(space: NextSpace) -> str:
    verb = "is" if space.after == 1 else "are"
    searched = (
        f"{space.after} of {space.before} parameters {verb} still searched"
        if space.after < space.before
        else f"all {space.before} parameters are searched"
    )
    return f"{filename(space)}: {searched}, {_volume(space.volume)}."


def _volume(volume: float) -> str:
    """Of what is searched in both."""
    if abs(volume - 1.0) < 1e-9:
        return "in today's ranges"
    return f"in {words.number(volume)} times today's volume (on the scale that is searched)"


def _tables(found: Analysis) -> Iterator[Table]:
    """What changes, with everything in its file; and apart, folded, what is kept."""
    changed = [a for a in found.advice if a.action != "keep"]
    kept = [a for a in found.advice if a.action == "keep"]
    ranges = {p.name: words.domain(p, most=words.MANY) for p in found.parameters}
    whole = {p.name: words.domain(p) for p in found.parameters}
    yield Table(
        name="advice",
        title="The next search, parameter by parameter",
        note="The rules are written down in jaxhpo.analysis.advice. No gain is forecast: nothing "
        "here says by how much the next search would be better.",
        columns=(
            Column(name="parameter"),
            Column(name="action"),
            Column(name="next"),
            Column(name="reason", wide=True),
            Column(name="grade"),
            Column(name="n", right=True),
            Column(name="rule"),
            Column(name="today", shown=False),
            Column(name="interval", shown=False),
            Column(name="interval of", shown=False),
        ),
        rows=tuple(
            (
                a.parameter,
                a.action,
                "" if a.action == "keep" else _to(a),
                a.reason,
                a.grade,
                a.n,
                ", ".join(a.rules),
                whole[a.parameter],
                _interval(a),
                a.unit,
            )
            for a in (*changed, *kept)
        ),
        most=len(changed),
        folded=not changed,
    )
    yield Table(
        name="advice_kept",
        title="What is kept as it is, and why",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="searched"),
            Column(name="reason", wide=True),
            Column(name="n", right=True),
        ),
        rows=tuple((a.parameter, ranges[a.parameter], a.reason, a.n) for a in kept),
    )


def _bounds(found: Analysis) -> Table:
    return Table(
        name="bounds",
        title="Both ends of every range: does the elite lie there, does it get better beyond?",
        note="Support: in what share of bootstrap samples the objective improves outward, over the "
        "n trials in the outer third of the range.",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="end"),
            Column(name="limit", show=words.brief, right=True),
            Column(name="natural limit"),
            Column(name="best there"),
            Column(name="elite there", show=words.percent, right=True),
            Column(name="support", show=words.percent, right=True),
            Column(name="n", right=True),
            Column(name="widen to", show=words.brief, right=True),
        ),
        rows=tuple(
            (
                b.parameter,
                b.side,
                b.limit,
                "yes" if b.natural else "no",
                "yes" if b.best else "no",
                b.share,
                b.support,
                b.n,
                b.to if b.expand else None,
            )
            for b in found.bounds
        ),
    )


def _interval(a: Advice) -> str:
    found = a.interval
    if found is None or found.low is None or found.high is None:
        return ""
    show: Any = words.strength if a.unit == "coordinate" else words.number
    return f"{show(found.low)} to {show(found.high)}"


_OWN = ("space", "seed", "workdir", "out", "stamp")  # flags of one run, which the next has anew


def _command(found: Analysis) -> Code:
    """How the next search is started: as this one was, if that is known, but for its own flags and
    with another seed, so that its trials are new ones."""
    command = list(found.command or ())
    aggressive = "next_space_aggressive.yaml"
    if "-m" not in command[:-1]:
        return Code(
            title="To go on from here",
            language="python",
            text=f'from jaxhpo import Space\n\nspace = Space.from_yaml("{aggressive}")',
        )
    start = command.index("-m") + 2
    seed = found.identity.get("seed")
    other = [f"--seed={seed + 1}"] if isinstance(seed, int) else []
    new = [f"--space={aggressive}", "--workdir=NEW", *other]
    text = shlex.join(["python", "-m", command[start - 1], *_kept_flags(command[start:]), *new])
    return Code(title="To go on from here", language="sh", text=text)


def _kept_flags(flags: list[str]) -> list[str]:
    """Those that say what is searched and how, whether written ``--a=b`` or ``--a b``."""
    kept, skipped = [], False
    for flag in flags:
        if flag.startswith("--"):
            name = flag[2:].partition("=")[0]
            skipped = name in _OWN
        if not skipped:
            kept.append(flag)
    return kept
