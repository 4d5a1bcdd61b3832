"""Trials without a value: where those lie that diverged, and what failed ones said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jaxhpo.analysis.diverged import Where
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table

TITLE = "Diverged and failed trials"
_MOST = 10


def parts(found: Analysis) -> Iterator[Part | None]:
    """What is to be said of them, and every parameter in which they differ."""
    yield list(_said(found))
    yield _where(found)
    yield _errors(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen = found.diverged
    if seen.n:
        text = f"{seen.n:,} of {words.trials(seen.ended)} that ended diverged."
        yield Sentence(text=text, evidence="/diverged/n")
    for place, w in enumerate(seen.where):
        if w.verdict == "associated":
            yield Sentence(text=_clear(w), evidence=f"/diverged/where/{place}")
    tested = [w for w in seen.where if w.q is not None]
    if seen.where and not tested:
        yield Sentence(
            text=f"Where trials diverge could not be tested: {seen.where[0].reason}.",
            evidence="/diverged/where/0/reason",
        )
    elif tested and not any(w.verdict == "associated" for w in tested):
        yield Sentence(
            text="No parameter can be told to make trials diverge, over "
            f"{words.trials(tested[0].independent.n, 'exploring')}.",
            evidence="/diverged/where",
        )


def _clear(w: Where) -> str:
    n = words.trials(w.independent.n, "exploring")
    share, elsewhere = w.independent.share or 0.0, w.independent.elsewhere or 0.0
    if w.value is not None:
        return (
            f"{words.percent(share)} of trials with {w.parameter} = {w.value} diverged, and "
            f"{words.percent(elsewhere)} of the others: q = {words.chance(w.q)}, over {n}."
        )
    kind = "larger" if share > 0.5 else "smaller"
    return (
        f"Trials diverge at {kind} {w.parameter}: of a diverged and another trial, the diverged "
        f"one has the {kind} value with probability {words.strength(max(share, 1 - share))}; q = "
        f"{words.chance(w.q)}, over {n}."
    )


def _where(found: Analysis) -> Table:
    share = Column(name="", show=words.strength, right=True)
    return Table(
        name="diverged",
        folded=True,
        title="Where diverged trials lie, against those that were trained",
        note="With an order: the probability that a diverged trial has the larger value (0.5: no "
        "difference). Of a listed value: the share of its trials that diverged.",
        columns=(
            Column(name="parameter"),
            Column(name="value"),
            Column(name="share", show=share.show, right=True),
            Column(name="elsewhere", show=share.show, right=True),
            Column(name="n exploring, ended", right=True),
            Column(name="share of all", show=share.show, right=True),
            Column(name="elsewhere of all", show=share.show, right=True),
            Column(name="n all, ended", right=True),
            Column(name="q", show=words.chance, right=True),
            Column(name="verdict"),
        ),
        rows=lying(found.diverged.where),
    )


def _errors(found: Analysis) -> Table:
    return Table(
        name="errors",
        title="What failed trials said",
        columns=(
            Column(name="error"),
            Column(name="trials", show=words.count, right=True),
            Column(name="first", right=True),
        ),
        rows=tuple((e.text, e.n, e.first) for e in found.diverged.errors),
        most=_MOST,
    )


def lying(where: Sequence[Where]) -> tuple[tuple[Any, ...], ...]:
    """Rows of a table that says where some trials lie, against others."""
    return tuple(
        (
            w.parameter,
            w.value,
            w.independent.share,
            w.independent.elsewhere,
            w.independent.n,
            w.every.share,
            w.every.elsewhere,
            w.every.n,
            w.q,
            w.verdict + (f": {w.reason}" if w.reason else ""),
        )
        for w in where
    )
