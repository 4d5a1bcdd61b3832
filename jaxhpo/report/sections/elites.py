"""The best trials: what they have in common, beside how often that was tried."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.budget import VALUES
from jaxhpo.analysis.elites import EliteParameter, Elites, EliteValue
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import elite_chart, words
from jaxhpo.report.gate import gate, where
from jaxhpo.report.parts import Column, Part, Sentence, Table
from jaxhpo.report.words import number

TITLE = "The best trials"
_NAMED = 8


def parts(found: Analysis) -> Iterator[Part | None]:
    """Who they are, what is over-represented, ranges, shares."""
    if not found.elites.elite:
        return
    yield list(_said(found))
    yield elite_chart.figure(found)
    yield _ranges(found)
    yield _shares(found, "elites", "elite_values", "Values of choices, over all complete trials")
    if found.elites_independent.n != found.elites.n or found.survivors.unit is not None:
        title = f"The same over exploring trials{where(found)} alone, tested"
        yield _shares(found, "elites_independent", "elite_values_exploring", title)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen, said = found.elites, found.summary
    least = "at least" if said.maximize else "at most"
    text = (
        f"The elite are the best {seen.elite} of {words.trials(seen.n, 'complete')}: "
        f"{said.objective} {least} {number(seen.worst)}"
    )
    if seen.rest is not None:
        text += f", in the mean {number(seen.mean)} against {number(seen.rest)} of the others"
    yield Sentence(text=f"{text}.", evidence="/elites")
    yield from gate(found)
    tested = found.elites_independent
    clear = [
        (f"/elites_independent/parameters/{i}/values/{j}", p, v)
        for i, p in enumerate(tested.parameters)
        for j, v in enumerate(p.values)
        if _sign(v)
    ]
    for pointer, p, v in clear[:_NAMED]:
        yield Sentence(text=_clear(tested, p, v, where(found)), evidence=pointer)
    if any(v.q_over is not None for p in tested.parameters for v in p.values) and not clear:
        yield Sentence(
            text="No value of a choice is more or less frequent among the elite than chance gives, "
            f"over n = {tested.n} exploring trials{where(found)}.",
            evidence="/elites_independent",
        )


def _sign(v: EliteValue) -> int:
    """1 if there are more of it among the elite than chance gives, -1 if fewer, else 0."""
    if v.q_over is not None and v.q_over <= VALUES:
        return 1
    return -1 if v.q_under is not None and v.q_under <= VALUES else 0


def _clear(tested: Elites, p: EliteParameter, v: EliteValue, at: str) -> str:
    more = _sign(v) > 0
    return (
        f"{p.parameter} = {v.label} is {'more' if more else 'less'} frequent among the elite{at} "
        f"than it was tried: {v.elite} of {p.elite} elite, {v.n} of {p.active} exploring trials; "
        f"q = {words.chance(v.q_over if more else v.q_under)}, n = {tested.n}."
    )


def _ranges(found: Analysis) -> Table:
    value = Column(name="", show=words.brief, right=True)
    heads = ("tried from", "tried to", "elite 5 %", "elite median", "elite 95 %")
    return Table(
        name="elites",
        folded=True,
        title="Numbers: what was tried, and where the elite lie, over all complete trials",
        note="At the bounds: the share of the elite in the outer tenth of the range, on the scale "
        "that is searched.",
        columns=(
            Column(name="parameter"),
            *(Column(name=head, show=value.show, right=True) for head in heads),
            Column(name="elite at low bound", show=words.percent, right=True),
            Column(name="elite at high bound", show=words.percent, right=True),
            Column(name="n elite", right=True),
            Column(name="n tried", right=True),
        ),
        rows=tuple(
            (
                p.parameter,
                p.sampled.low,
                p.sampled.high,
                p.range.five,
                p.range.median,
                p.range.ninety_five,
                p.at_low,
                p.at_high,
                p.elite,
                p.active,
            )
            for p in found.elites.parameters
            if p.sampled is not None and p.range is not None
        ),
    )


def _shares(found: Analysis, field: str, name: str, title: str) -> Table:
    seen: Elites = getattr(found, field)
    share = Column(name="", show=words.strength, right=True)
    heads = ("share of elite", "from", "to", "share of tried", "lift")
    return Table(
        name=name,
        folded=True,
        title=f"{title}: {seen.elite} elite of n = {seen.n}",
        note="Lift: the share among the elite over the share that was tried. q: Fisher's exact "
        "test, corrected (Benjamini and Hochberg), and limits (95 %): only over exploring trials.",
        columns=(
            Column(name="parameter"),
            Column(name="value"),
            Column(name="elite", right=True),
            Column(name="tried", right=True),
            *(Column(name=head, show=share.show, right=True) for head in heads),
            Column(name="q more", show=words.chance, right=True),
            Column(name="q fewer", show=words.chance, right=True),
        ),
        rows=tuple(
            (
                p.parameter,
                v.label,
                v.elite,
                v.n,
                v.share.value,
                v.share.low,
                v.share.high,
                v.base,
                v.lift.value,
                v.q_over,
                v.q_under,
            )
            for p in seen.parameters
            for v in p.values
        ),
        most=40,
    )
