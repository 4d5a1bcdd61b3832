"""What each of several objectives depends on, and what makes a trial break a constraint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.diverged import Where
from jaxhpo.analysis.importance import Importance, Importances
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.targets import Target
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import is_wide, plain
from jaxhpo.report.parts import Column, Figure, Part, Plot, Sentence, Table
from jaxhpo.report.sections.diverged import lying

TITLE = "What each objective depends on"
_MOST = 20  # parameters in the figure
_NONE = 0.005  # a share that is written as nought


class _Column(NamedTuple):
    """One objective or constraint in the figure. share: of each parameter that has one."""

    label: str
    role: str
    n: int
    share: dict[str, float]
    matters: set[str]


def parts(found: Analysis) -> Iterator[Part | None]:
    """Verdicts, a figure of all shares, and the tables; nothing for one objective alone."""
    if not found.targets.others or found.summary.best is None:
        return
    yield list(_said(found))
    yield _figure(found)
    yield _table(found)
    yield _where(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    for place, target in enumerate(found.targets.others):
        yield from _verdict(target, f"/targets/others/{place}")
    seen = found.targets
    if seen.broken and seen.broken < seen.n:
        clear = [(i, w) for i, w in enumerate(seen.where) if w.verdict == "associated"]
        for i, w in clear:
            yield Sentence(text=_clear(w), evidence=f"/targets/where/{i}")
        if not clear and seen.where:
            n = max(w.independent.n for w in seen.where)
            told = (
                "which parameters make them break it can't be told from chance, over "
                f"{words.trials(n, 'exploring')}"
                if any(w.q is not None for w in seen.where)
                else f"where these lie could not be tested: {seen.where[0].reason}"
            )
            yield Sentence(
                text=f"{seen.broken:,} of {words.trials(seen.n, 'complete')} break a constraint; "
                f"{told}.",
                evidence="/targets/where",
            )


def _verdict(target: Target, pointer: str) -> Iterator[Sentence]:
    at = "" if target.unit is None else f" at unit {target.unit}"
    name = _named(target)
    start = f"{name[0].upper()}{name[1:]}" if target.role == "constraint" else name
    matters = sorted((e for e in target.evidence if e.verdict == "matters"), key=lambda e: e.q or 0)
    if matters:
        some = [f"{e.parameter} (q = {words.chance(e.q)})" for e in matters]
        n = max(e.n for e in matters)
        yield Sentence(
            text=f"{start}{at} depends on {words.some(some)}, over n = {n} exploring trials.",
            evidence=f"{pointer}/evidence",
        )
        return
    tested = [e for e in target.evidence if e.q is not None]
    if tested:
        n = max(e.n for e in tested)
        yield Sentence(
            text=f"What {name}{at} depends on can't be told from chance, over n = {n} exploring "
            "trials.",
            evidence=f"{pointer}/evidence",
        )
    elif target.evidence:
        yield Sentence(
            text=f"What {name} depends on could not be tested: {target.evidence[0].reason}.",
            evidence=f"{pointer}/evidence",
        )


def _named(target: Target) -> str:
    plain = target.role != "constraint" or target.name.lower().startswith("constraint")
    return target.name if plain else f"the constraint {target.name}"


def _clear(w: Where) -> str:
    n = words.trials(w.independent.n, "exploring")
    share, elsewhere = w.independent.share or 0.0, w.independent.elsewhere or 0.0
    if w.value is not None:
        return (
            f"{words.percent(share)} of trials with {w.parameter} = {w.value} break a constraint, "
            f"and {words.percent(elsewhere)} of the others: q = {words.chance(w.q)}, over {n}."
        )
    kind = "larger" if share > 0.5 else "smaller"
    return (
        f"Constraints are broken at {kind} {w.parameter}: of a trial that breaks one and another, "
        f"the first has the {kind} value with probability {words.strength(max(share, 1 - share))}; "
        f"q = {words.chance(w.q)}, over {n}."
    )


def _shown(
    tested: tuple[Importances, ...], every: tuple[Importances, ...]
) -> list[tuple[Importances, Importance]]:
    """Of each branch the tested shares, or where there are none, those that describe."""
    rest = {one.quality.branch: one for one in every}
    chosen = []
    for one in tested:
        if one.quality.reason and not rest.get(one.quality.branch, one).quality.reason:
            one = rest[one.quality.branch]
        chosen += [(one, p) for p in one.parameters if p.total.value is not None]
    return chosen


def _columns(found: Analysis) -> list[_Column]:
    first = found.summary.objective
    named = [(first, "objective", found.elites.n, found)]
    named += [(t.name, t.role, t.n, t) for t in found.targets.others]
    return [
        _Column(
            label=label,
            role=role,
            n=n,
            share={
                p.parameter: p.total.value or 0.0
                for _, p in _shown(one.importance, one.importance_every)
            },
            matters={e.parameter for e in one.evidence if e.verdict == "matters"},
        )
        for label, role, n, one in named
    ]


def _figure(found: Analysis) -> Figure | None:
    columns = _columns(found)
    names = [p.name for p in found.parameters if any(p.name in c.share for c in columns)]
    if not names:
        return None
    names = sorted(names, key=lambda n: -max(c.share.get(n, 0.0) for c in columns))[:_MOST]

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        wide = is_wide(canvas)
        for x, column in enumerate(columns):
            for y, name in enumerate(names):
                _cell(ax, (x, y), column.share.get(name), name in column.matters, wide)
        _heads(ax, columns, wide)
        ax.set_yticks(range(len(names)), [plain(words.short(n, 26 if wide else 14)) for n in names])
        ax.set_xlim(-0.5, len(columns) - 0.5)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.xaxis.tick_top()
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)

    said = "; ".join(
        f"{c.label}: "
        + (
            ", ".join(f"{k} {words.strength(v)}" for k, v in c.share.items())
            if c.share
            else "can't be told"
        )
        for c in columns
    )
    return Figure(
        name="targets",
        title="Shares of each objective's variance, parameter by parameter",
        caption="The larger the square, the larger the total share that the number gives. Filled: "
        "the parameter matters by the tests on exploring trials; open: it could be chance, or the "
        "sampler chose the trials by results. A question mark: no forest explains enough of it to "
        "tell. n: complete trials, of an objective those that keep the constraints.",
        plots=(
            Plot(
                name="targets",
                alt=f"Total shares. {said}.",
                size=(WIDE, 0.36 * len(names) + 1.2),
                draw=draw,
            ),
        ),
    )


def _heads(ax: Axes, columns: list[_Column], wide: bool) -> None:
    """Names, kinds and numbers of trials over the columns, aslant where there is little room."""
    longest = max(6, 74 // len(columns)) if wide else 18
    between, turned = ("\n", {}) if wide else (" ", {"rotation": 40, "ha": "left"})
    heads = [
        [words.short(c.label, longest), words.short(c.role, longest), f"n = {c.n:,}"]
        for c in columns
    ]
    shown = heads if wide else [[f"{name}, {n}"] for name, _, n in heads]
    ax.set_xticks(range(len(columns)), [plain(between.join(h)) for h in shown], **turned)  # pyright: ignore[reportArgumentType]


def _cell(ax: Axes, at: tuple[int, int], share: float | None, matters: bool, wide: bool) -> None:
    """A square whose area is the share, and the number beside it."""
    x, y = at
    if share is None:
        ax.text(x, y, "?", ha="left", va="center", color=PAPER["faint"])
        return
    none = share < _NONE and not matters
    if not none:
        side = max((18 if wide else 9) * float(np.sqrt(max(share, 0.0))), 3.0)
        fill = PAPER["model"] if matters else PAPER["surface"]
        style = {"color": PAPER["model"], "mfc": fill, "mew": 1.4, "ls": "none"}
        ax.plot(x - 0.2, y, "s", ms=side, **style)
    colour = PAPER["faint" if none else "ink"]
    ax.text(x, y, words.strength(share), ha="left", va="center", color=colour, fontsize=9)


def _table(found: Analysis) -> Table:
    share = Column(name="", show=words.strength, right=True)
    rows = []
    for target in found.targets.others:
        shares = {p.parameter: (p, one) for one, p in _shown(target.importance, ())}
        every = {p.parameter: p for one in target.importance_every for p in one.parameters}
        top = {t.parameter: t for t in target.top_region}
        known = {e.parameter: e for e in target.evidence}
        for a in target.associations:
            tested = shares.get(a.parameter)
            described = every.get(a.parameter)
            rows.append(
                (
                    _named(target),
                    a.parameter,
                    known[a.parameter].verdict,
                    known[a.parameter].q,
                    a.measure,
                    a.independent.strength,
                    a.independent.n,
                    a.every.strength,
                    a.every.n,
                    top[a.parameter].every.importance,
                    top[a.parameter].independent.importance,
                    top[a.parameter].p,
                    tested[0].total.value if tested else None,
                    tested[0].first.value if tested else None,
                    described.total.value if described else None,
                )
            )
    return Table(
        name="targets",
        folded=True,
        title="Every parameter for every further objective and constraint",
        note="rho and eta, PED-ANOVA and shares of variance as for the first objective; q is of "
        f"both tests, and a parameter matters at q up to {found.targets.rate:.2g}, as several "
        "objectives are asked. A constraint's metric over all complete trials, an objective over "
        "those that keep the constraints.",
        columns=(
            Column(name="of"),
            Column(name="parameter"),
            Column(name="verdict"),
            Column(name="q", show=words.chance, right=True),
            Column(name="measure"),
            Column(name="exploring", show=share.show, right=True),
            Column(name="n exploring", right=True),
            Column(name="all", show=share.show, right=True),
            Column(name="n all", right=True),
            Column(name="PED-ANOVA, all", show=words.chance, right=True),
            Column(name="PED-ANOVA, exploring", show=words.chance, right=True),
            Column(name="p of it", show=words.chance, right=True),
            Column(name="total share", show=share.show, right=True),
            Column(name="share alone", show=share.show, right=True),
            Column(name="total share, all", show=share.show, right=True),
        ),
        rows=tuple(rows),
        most=40,
    )


def _where(found: Analysis) -> Table:
    seen = found.targets
    share = Column(name="", show=words.strength, right=True)
    return Table(
        name="infeasible",
        folded=True,
        title=f"Where the {seen.broken:,} of {words.trials(seen.n, 'complete')} lie that break a "
        "constraint",
        note="With an order: the probability that a trial which breaks one has the larger value "
        "(0.5: no difference). Of a listed value: the share of its trials that break one.",
        columns=(
            Column(name="parameter"),
            Column(name="value"),
            Column(name="broken", show=share.show, right=True),
            Column(name="broken elsewhere", show=share.show, right=True),
            Column(name="n exploring, complete", right=True),
            Column(name="broken of complete", show=share.show, right=True),
            Column(name="broken elsewhere of complete", show=share.show, right=True),
            Column(name="n complete", right=True),
            Column(name="q", show=words.chance, right=True),
            Column(name="verdict"),
        ),
        rows=lying(seen.where),
    )
