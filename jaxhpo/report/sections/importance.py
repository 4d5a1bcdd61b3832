"""Which parameters matter: over the whole space, and for being among the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.importance import Importance, Importances
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import WIDE
from jaxhpo.report.gate import gate, where
from jaxhpo.report.marks import Bar, bars, is_wide, legend
from jaxhpo.report.parts import Column, Figure, Part, Plot, Sentence, Table

TITLE = "What matters"
_BASIS = {"independent": "exploring trials", "every": "all complete trials"}
_MOST_BARS = 30


def parts(found: Analysis) -> Iterator[Part | None]:
    """The shares with their limits, what can be told of them, and the top region."""
    if found.summary.best is None:
        return
    yield [*gate(found), *_verdicts(found)]
    yield _figure(found)
    yield list(_said(found))
    yield _table(found)
    yield _top_region(found)


def _verdicts(found: Analysis) -> Iterator[Sentence]:
    """One verdict a parameter: of both tests on the exploring trials together."""
    for place, e in enumerate(found.evidence):
        if e.verdict == "matters":
            yield Sentence(
                text=f"{e.parameter} matters: q = {words.chance(e.q)}, over n = {e.n} exploring "
                f"trials{where(found)}.",
                evidence=f"/evidence/{place}",
            )
    unclear = [e for e in found.evidence if e.verdict == "not identifiable"]
    if unclear:
        few, many = min(e.n for e in unclear), max(e.n for e in unclear)
        n = f"n = {many}" if few == many else f"n = {few} to {many}"
        yield Sentence(
            text=f"Not identifiable from the exploring trials{where(found)} ({n}), which is not "
            f"the same as unimportant: {words.some([e.parameter for e in unclear])}.",
            evidence="/evidence",
        )
    by_reason: dict[str, list[str]] = {}
    for e in found.evidence:
        if e.verdict == "not tested":
            by_reason.setdefault(e.reason, []).append(e.parameter)
    for reason, names in by_reason.items():
        yield Sentence(
            text=f"Unknown, as it could not be tested: {words.some(names)} ({reason}).",
            evidence="/evidence",
        )
    if any(e.q is not None for e in found.evidence):
        yield Sentence(
            text="This verdict is of two tests together, on trials that were chosen without "
            "looking at results: does the objective go with the parameter, and do the best trials "
            "differ in it from the others? q is corrected for both and for the number of "
            f"parameters, {len(found.evidence)} (Benjamini and Hochberg). All kinds of statements "
            "in this report have one error budget together: of studies in which nothing matters, "
            "at most one in twenty is told anything at all.",
            evidence="/evidence",
        )


def _both(found: Analysis) -> list[tuple[str, int, Importances]]:
    """Field of the analysis, place in it, branch."""
    return [
        *(("importance", i, one) for i, one in enumerate(found.importance)),
        *(("importance_every", i, one) for i, one in enumerate(found.importance_every)),
    ]


def _said(found: Analysis) -> Iterator[Sentence]:
    yield from _untold(found)
    for field in ("importance", "importance_every"):
        yield from _quality(found, field)
    for place, one in enumerate(found.importance):
        for i, p in enumerate(one.parameters):
            if p.verdict == "important":
                pointer = f"/importance/{place}/parameters/{i}"
                yield Sentence(text=_clear(p, one.quality.n, where(found)), evidence=pointer)
    rest = [
        (names, one.quality.n)
        for one in found.importance
        if (names := [p.parameter for p in one.parameters if p.verdict == "not identifiable"])
    ]
    if rest:
        parts = [f"{words.some(names)} (n = {n})" for names, n in rest]
        yield Sentence(
            text=f"Their shares could be chance alone: {'; '.join(parts)}.", evidence="/importance"
        )
    tested = {one.quality.branch for one in found.importance if not one.quality.reason}
    for place, one in enumerate(found.importance_every):
        first = one.parameters[0] if one.parameters else None
        known = one.quality.branch in tested  # which says more
        if first is not None and first.verdict == "descriptive" and not known:
            n = one.quality.n
            yield Sentence(
                text=f"Over {_those(found, one)}, n = {n}, {first.parameter} has the largest "
                f"share: {words.estimate(first.total)}. The sampler chose most of them by results, "
                "so this describes the search and can't be tested.",
                evidence=f"/importance_every/{place}/parameters/0",
            )


def _untold(found: Analysis) -> Iterator[Sentence]:
    """Branches that are too small, in one sentence for each kind of trials."""
    for field in ("importance", "importance_every"):
        few = [one for one in getattr(found, field) if one.quality.reason]
        if few:
            of = [f"from {_those(found, one)} ({one.quality.reason})" for one in few]
            text = f"Importance can't be told {words.listed(of)}."
            yield Sentence(text=text, evidence=f"/{field}")


def _those(found: Analysis, one: Importances) -> str:
    basis, branch = _BASIS[one.quality.basis], one.quality.branch
    if one.quality.basis == "independent":
        basis += where(found)
    return f"{basis} with {branch}" if branch != "all trials" else basis


def _quality(found: Analysis, field: str) -> Iterator[Sentence]:
    """How much the forests explain, in one sentence."""
    told = [one for one in getattr(found, field) if not one.quality.reason]
    if told:
        of = [
            f"{words.strength(one.quality.r2)} from {_those(found, one)} (n = {one.quality.n})"
            for one in told
        ]
        yield Sentence(
            text="Forests explain a share R2 of the objective's variance in trials that they have "
            f"not seen: {words.listed(of)}. The rest is noise or beyond them.",
            evidence=f"/{field}",
        )


def _clear(p: Importance, n: int, at: str) -> str:
    return (
        f"{p.parameter} explains a share of {words.estimate(p.total)} of the objective's "
        f"variance{at}, {words.estimate(p.first)} alone: more than chance gives "
        f"(p = {words.chance(p.p)}, corrected; n = {n})."
    )


def _shown(found: Analysis) -> list[tuple[Importances, Importance]]:
    """Of each branch the tested shares, or where there are none, those that describe."""
    every = {one.quality.branch: one for one in found.importance_every}
    chosen = []
    for one in found.importance:
        if one.quality.reason and not every.get(one.quality.branch, one).quality.reason:
            one = every[one.quality.branch]
        chosen += [(one, p) for p in one.parameters if p.total.value is not None]
    return chosen


def _figure(found: Analysis) -> Figure | None:
    shown = _shown(found)
    more = max(0, len(shown) - _MOST_BARS)
    shown = shown[:_MOST_BARS]
    if not shown:
        return None
    rows = [
        Bar(
            label=f"{p.parameter}  ({one.quality.n})",
            estimate=p.total,
            sure=p.verdict == "important",
            second=p.first,
        )
        for one, p in shown
    ]

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        bars(ax, rows, wide=is_wide(canvas), first="total", second="alone")
        low = min(0.0, *(r.estimate.low or 0.0 for r in rows))
        ax.set_xlim(low - 0.02, 1.05)
        ax.set_xlabel("share of the objective's variance")
        legend(canvas, ax, 1.0)

    kinds = {p.verdict for _, p in shown}
    told = (
        "Filled: more than chance gives; open: it could be chance." if "important" in kinds else ""
    )
    if not told and "not identifiable" in kinds:
        told = "Open: it could be chance."
    if "descriptive" in kinds:
        told += " From trials that the sampler chose by results: open, it only describes them."
    left = f" {more} more are in the table only." if more else ""
    return Figure(
        name="importance",
        title="Importance over the whole space",
        caption="Shares of the objective's variance with 95 % limits: total counts what a "
        "parameter does together with others, so totals may sum to more than 1, and has a lower "
        "limit only, for what the forest does not explain may be any parameter's too. n stands "
        "beside the name. "
        f"{told.strip()}{left}",
        plots=(
            Plot(
                name="importance",
                alt="Total share: "
                + ", ".join(f"{p.parameter} {words.estimate(p.total)}" for _, p in shown)
                + ".",
                size=(WIDE, 0.36 * len(rows) + 1.3),
                draw=draw,
            ),
        ),
    )


def _table(found: Analysis) -> Table:
    share = Column(name="", show=words.strength, right=True)
    heads: Sequence[str] = ("total", "total at least", "alone", "alone from", "alone to")
    return Table(
        name="importance",
        folded=True,
        title="Shares of the objective's variance",
        note="Alone with 95 % intervals; total counts what a parameter does together with others, "
        "and has a lower limit (97.5 %) only. No limits for trials that the sampler chose by "
        "results.",
        columns=(
            Column(name="parameter"),
            Column(name="n", right=True),
            *(Column(name=head, show=share.show, right=True) for head in heads),
            Column(name="R2", show=words.strength, right=True),
            Column(name="p", show=words.chance, right=True),
            Column(name="verdict"),
            Column(name="basis"),
            Column(name="branch"),
        ),
        rows=tuple(
            (
                p.parameter,
                one.quality.n,
                p.total.value,
                p.total.low,
                p.first.value,
                p.first.low,
                p.first.high,
                one.quality.r2,
                p.p,
                p.verdict,
                _BASIS[one.quality.basis],
                one.quality.branch,
            )
            for _, _, one in _both(found)
            if not one.quality.reason
            for p in one.parameters
        ),
    )


def _top_region(found: Analysis) -> Table:
    number = Column(name="", show=words.chance, right=True)
    return Table(
        name="top_region",
        folded=True,
        title="What decides whether a trial is among the best (PED-ANOVA)",
        note="Chance: 95 % of random draws of as many trials stay below. p is of one parameter, "
        "not corrected for their number.",
        columns=(
            Column(name="parameter"),
            Column(name="importance, all", show=number.show, right=True),
            Column(name="best of all", right=True),
            Column(name="importance, exploring", show=number.show, right=True),
            Column(name="best of exploring", right=True),
            Column(name="chance", show=number.show, right=True),
            Column(name="p", show=number.show, right=True),
            Column(name="not tested"),
        ),
        rows=tuple(
            (
                t.parameter,
                t.every.importance,
                f"{t.every.best} of {t.every.n}",
                t.independent.importance,
                f"{t.independent.best} of {t.independent.n}",
                t.band,
                t.p,
                t.reason,
            )
            for t in found.top_region
        ),
    )
