"""The report that compares two studies: did the refined space help, was the advice right?"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.compare import Comparison
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.report import words
from jaxhpo.report.drawing import WIDE
from jaxhpo.report.marks import Bar, bars, is_wide, legend, plain
from jaxhpo.report.parts import Code, Column, Figure, Part, Plot, Section, Sentence, Table, Tile
from jaxhpo.report.proved import judged
from jaxhpo.report.report import Report, direction
from jaxhpo.report.words import number

_VERDICTS = {
    "better": "The second study's space is better",
    "worse": "The second study's space is worse",
    "not told apart": "The two spaces can't be told apart",
    "unknown": "Whether the second study's space is better is unknown",
}


def comparison(found: Comparison, stamp: str, *, command: str = "") -> Report:
    """Everything that is to be shown of two studies."""
    made = [
        Section(name="result", title="Did it help?", parts=tuple(_result(found))),
        Section(name="advice", title="Was the advice right?", parts=tuple(judged(found))),
    ]
    if command:
        again = Code(title="This comparison again", language="sh", text=command)
        made.append(Section(name="study", title="The command", parts=(again,)))
    return Report(
        found=found,
        title=f"{found.b} after {found.a}: {found.objective}",
        goal=direction(maximize=found.maximize),
        stamp=stamp,
        sections=tuple(section for section in made if section.parts),
        command=command,
    )


def _result(found: Comparison) -> Iterator[Part]:
    yield list(_tiles(found))
    yield list(_said(found))
    figure = _figure(found)
    if figure is not None:
        yield figure
    yield _table(found)
    yield from _objectives(found)


def _objectives(found: Comparison) -> Iterator[Table]:
    if not found.objectives:
        return
    yield Table(
        name="objectives",
        title=f"Every objective, over {found.n_a} and {found.n_b} {_complete(found)} trials",
        note="Means: of exploring trials, the second less the first, with Welch's 95 % interval. "
        "Best values were chosen for being the best.",
        columns=(
            Column(name="objective"),
            Column(name="better"),
            *(
                Column(name=n, show=number, right=True)
                for n in ("best of first", "of second", "means differ by", "from", "to")
            ),
        ),
        rows=tuple(
            (
                o.name,
                "higher" if o.maximize else "lower",
                o.best_a,
                o.best_b,
                o.mean.value,
                o.mean.low,
                o.mean.high,
            )
            for o in found.objectives
        ),
    )


def _tiles(found: Comparison) -> Iterator[Tile]:
    yield Tile(
        name="the refined space",
        value=found.verdict,
        note=f"{found.random_a} and {found.random_b} exploring trials",
        first=True,
    )
    if found.kept is not None:
        one, two = (
            words.percent(k / n) if n else "none"
            for k, n in ((found.kept.kept_a, found.kept.n_a), (found.kept.kept_b, found.kept.n_b))
        )
        yield Tile(
            name="keep the constraints",
            value=f"{one} and {two}",
            note=f"of {found.kept.n_a} and {found.kept.n_b} exploring trials",
        )
    yield Tile(
        name=f"{_complete(found)} trials",
        value=f"{found.n_a:,} and {found.n_b:,}",
        note="of the first and of the second",
    )


def _said(found: Comparison) -> Iterator[Sentence]:
    n = f"n = {found.random_a} and {found.random_b} {_kind(found, 'exploring')}"
    why = f": {found.reason}" if found.reason else ""
    yield Sentence(text=f"{_VERDICTS[found.verdict]} ({n}){why}.", evidence="/verdict")
    yield from _kept(found)
    yield from _front(found)
    if found.expected.value is not None:
        yield Sentence(
            text=f"The expected best{_of(found)} of {found.k} random trials of the second, less "
            f"that of as many of the first, is {words.interval(found.expected)}; {n}.",
            evidence="/expected",
        )
    if found.mean.value is not None:
        yield Sentence(
            text=f"The mean{_of(found)} of random trials of the second, less that of the first, "
            f"is {words.interval(found.mean)}; {n}.",
            evidence="/mean",
        )
    if found.superiority.value is not None:
        yield Sentence(
            text=f"A random trial of the second beats one of the first{_in(found)} with "
            f"probability {words.estimate(found.superiority)}; {n}.",
            evidence="/superiority",
        )
    if found.best is not None:
        yield Sentence(
            text=f"The best values{_of(found)} differ by {number(found.best)} (the second less the "
            f"first, of {found.n_b} and {words.trials(found.n_a, _complete(found))}): both were "
            "chosen for being the best, so this says little.",
            evidence="/best",
        )
    if found.confirmed.value is not None:
        yield Sentence(
            text="Fresh trials of the two best configurations differ in the mean by "
            f"{words.interval(found.confirmed)} (the second less the first, of {found.n_b} and "
            f"{words.trials(found.n_a, 'complete')}).",
            evidence="/confirmed",
        )
    if found.test is not None:
        yield Sentence(
            text=f"The test scores differ by {number(found.test)} (the second less the first), of "
            "n = 1 model each, so chance may do as much.",
            evidence="/test",
        )
    if found.shared:
        yield Sentence(
            text=f"{found.shared} configurations are in both studies, paired: the second less the "
            f"first is {words.interval(found.shared_difference)} in the mean of n = "
            f"{found.shared}.",
            evidence="/shared_difference",
        )


def _complete(found: Comparison) -> str:
    return "feasible complete" if found.constraints else "complete"


def _kind(found: Comparison, kind: str) -> str:
    return f"{kind} trials that keep the constraints" if found.constraints else f"{kind} trials"


def _of(found: Comparison) -> str:
    """Of which objective, where there are several."""
    return f" {found.objective}" if found.objectives else ""


def _in(found: Comparison) -> str:
    return f" in {found.objective}" if found.objectives else ""


def _kept(found: Comparison) -> Iterator[Sentence]:
    seen = found.kept
    if seen is None:
        return
    rules = [f"{name} at most {bound:g}" for name, bound in found.constraints.items()]
    yield Sentence(
        text=f"Both are judged by {words.listed(rules)}: what breaks it is no result. Of the "
        f"exploring trials {seen.kept_b} of {seen.n_b} keep "
        f"{'it' if len(rules) == 1 else 'them'} in the second, {seen.kept_a} of {seen.n_a} in the "
        f"first: the share differs by {words.interval(seen.difference)}; n = {seen.n_a} and "
        f"{seen.n_b}.",
        evidence="/kept",
    )


def _front(found: Comparison) -> Iterator[Sentence]:
    seen = found.front
    if seen is None:
        return
    n = f"n = {found.random_a} and {found.random_b} {_kind(found, 'exploring')}"
    if seen.volume.value is not None:
        yield Sentence(
            text=f"The share of the box behind both fronts that {seen.k} random trials of the "
            f"second dominate, less that of the first, is {words.interval(seen.volume)}; {n}.",
            evidence="/front/volume",
        )
    elif seen.reason:
        yield Sentence(text=f"The fronts' volume is unknown: {seen.reason}.", evidence="/front")
    yield Sentence(
        text=f"The second's front has {words.trials(seen.b)}, {seen.only_b} of them also in the "
        f"front of both studies together; the first's has {seen.a}, {seen.only_a} of them (of "
        f"n = {found.n_b} and {found.n_a} {_complete(found)} trials).",
        evidence="/front",
    )
    for place, one in enumerate(found.objectives[1:], 1):
        if one.mean.value is not None:
            yield Sentence(
                text=f"The mean {one.name} of random trials of the second, less that of the first, "
                f"is {words.interval(one.mean)} ({direction(maximize=one.maximize)}); {n}.",
                evidence=f"/objectives/{place}/mean",
            )


def _differences(found: Comparison) -> list[tuple[str, str, Estimate]]:
    """Names for a figure and for a table, and what they name."""
    rows = [
        (f"best of {found.k}", f"expected best of {found.k} random trials", found.expected),
        ("mean", "mean of random trials", found.mean),
        ("fresh trials", "fresh trials of the best", found.confirmed),
        ("in both", f"{found.shared} configurations in both", found.shared_difference),
        ("best value", "best value", Estimate(value=found.best)),
        ("test score", "test score", Estimate(value=found.test)),
    ]
    return [(short, name, value) for short, name, value in rows if value.value is not None]


def _figure(found: Comparison) -> Figure | None:
    rows = [
        Bar(label=short, estimate=value, sure=value.low is not None)
        for short, _, value in _differences(found)
    ]
    if not rows:
        return None
    better = "right" if found.maximize else "left"

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        bars(ax, rows, wide=is_wide(canvas), first="second less first")
        ax.set_xlabel(plain(f"difference in {found.objective}"))
        legend(canvas, ax, 1.0)

    said = ", ".join(f"{row.label} {words.interval(row.estimate)}" for row in rows)
    return Figure(
        name="differences",
        title=f"The second less the first, in {found.objective}",
        caption=f"Best of {found.k}: what so many random trials are expected to find; mean: of "
        f"random trials. With 95 % intervals; open: there is none. To the {better} the second is "
        "better. "
        f"Of {found.n_a} and {words.trials(found.n_b, 'complete')}, {found.random_a} and "
        f"{found.random_b} of them exploring.",
        plots=(
            Plot(
                name="differences",
                alt=f"Differences: {said}.",
                size=(WIDE, 0.36 * len(rows) + 1.3),
                draw=draw,
            ),
        ),
    )


def _table(found: Comparison) -> Table:
    return Table(
        name="differences",
        title="The second less the first",
        columns=(
            Column(name="quantity"),
            Column(name="difference", show=number, right=True),
            Column(name="from", show=number, right=True),
            Column(name="to", show=number, right=True),
        ),
        rows=tuple((name, v.value, v.low, v.high) for _, name, v in _differences(found)),
        folded=True,
    )
