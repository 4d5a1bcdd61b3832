"""What matters first: the best, what it scored on test data, how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table, Tile
from jaxhpo.report.steps import steps
from jaxhpo.report.trust import picked, retrained, trust
from jaxhpo.report.words import number
from jaxhpo.trial import Status

TITLE = "The result"


def parts(found: Analysis) -> Iterator[Part | None]:
    """Tiles, what to do, what is to be said of them, and the configuration."""
    yield list(_tiles(found))
    yield steps(found)
    yield list(_said(found))
    if found.summary.best is not None:
        yield _configuration(found)
        yield retrained(found)
        yield _compared(found)


def _tiles(found: Analysis) -> Iterator[Tile]:
    said = found.summary
    yield from _scores(found)
    if found.fronts.objectives:
        front, n = len(found.fronts.front), words.trials(found.fronts.feasible)
        yield Tile(name="front", value=words.trials(front), note=f"that no other of {n} beats")
    others = [f"{words.count(c.n)} {c.status}" for c in said.counts if c.status != "complete"]
    note = ", ".join(others) if others else f"of {words.trials(said.trials)}"
    yield Tile(name="complete trials", value=words.count(said.count(Status.COMPLETE)), note=note)
    seconds = [run.seconds for run in found.runs if run.seconds is not None]
    if seconds:
        note = f"in {len(seconds)} run{'' if len(seconds) == 1 else 's'}"
        yield Tile(name="time", value=words.duration(sum(seconds)), note=note)


def _scores(found: Analysis) -> Iterator[Tile]:
    """How good it is: by fresh values where there are any, in the search, on test data."""
    said, best, test, use = found.summary, found.summary.best, found.test, found.chosen
    if best is None or use is None:
        return
    again, objective = found.confirmation.best, said.objective
    if use.by == "confirm":
        note = f"trial {use.row.number}, mean of {use.n} fresh"
        value = number(use.fresh.value)
        yield Tile(name=f"{objective}, trained again", value=value, note=note, first=True)
        value, note = number(best.value), f"trial {best.number}, picked for this value"
        yield Tile(name="best of the search", value=value, note=note)
        if objective in use.test:
            note = f"trial {use.row.number}, mean of {use.n} fresh, never searched on"
            value = number(use.test[objective].value)
            yield Tile(name=f"test {objective}", value=value, note=note)
        return
    sure = "confirmed" if found.confirmation.status == "confirmed" else "not confirmed"
    note = f"trial {best.number}{f', {sure}' if said.spread.n > 1 else ''}"
    yield Tile(name=f"best {objective}", value=number(best.value), note=note, first=True)
    if test is not None and objective in test.metrics:
        value = number(test.metrics[objective])
        note = f"trial {test.number}, never searched on"
        yield Tile(name=f"test {objective}", value=value, note=note)
    if again is not None and again.mean.value is not None:
        note = f"trial {again.number}, mean of {len(again.fresh)} fresh"
        yield Tile(name="trained again", value=number(again.mean.value), note=note)


def _said(found: Analysis) -> Iterator[Sentence]:
    said, best = found.summary, found.summary.best
    if best is None:
        yield _unscored(found)
        return
    yield from picked(found)
    n = said.spread.n
    kind = "feasible complete" if found.fronts.constraints else "complete"
    extreme = f"the {'highest' if said.maximize else 'lowest'} of {words.trials(n, kind)}"
    only = f"the only {kind} trial"
    yield Sentence(
        text=f"The best {said.objective} is {number(best.value)}, of trial {best.number}: "
        f"{extreme if n > 1 else only}.",
        evidence="/summary/best",
    )
    if found.fronts.objectives:
        many = len(found.fronts.front)
        tail = "no other beats any of them in all" if many > 1 else "it is the best in all of them"
        yield Sentence(
            text=f"That is by {said.objective} alone, the first of {len(found.fronts.objectives)} "
            f"objectives. The front has {words.trials(many)}: {tail}.",
            evidence="/fronts/front",
        )
    if said.ties > 1:
        yield Sentence(
            text=f"{words.trials(said.ties, 'complete')} have exactly this value; the earliest "
            "is shown.",
            evidence="/summary/ties",
        )
    yield from _against_chance(found)
    if found.test is not None:
        yield _tested(found)
    yield from trust(found)
    yield from _beside(found)


def _against_chance(found: Analysis) -> Iterator[Sentence]:
    seen = found.chance
    if seen.level is None or seen.above is None:
        return
    who = "the reader" if seen.source == "reader" else "the task"
    better = f"{number(abs(seen.above))} {'better' if seen.above > 0 else 'worse'} than"
    how = better if seen.above else "no better than"
    yield Sentence(
        text=f"It is {how} chance, which is {number(seen.level)} as {who} says; "
        f"{words.count(seen.below)} of n = {words.count(seen.n)} complete trials are no better "
        "than that.",
        evidence="/chance",
    )


def _unscored(found: Analysis) -> Sentence:
    said = found.summary
    if not said.trials:
        return Sentence(
            text="No trial has been proposed yet: there is nothing to report.",
            evidence="/summary/trials",
        )
    seen = found.fronts
    if seen.n and not seen.feasible:
        return Sentence(
            text=f"None of {words.trials(seen.n, 'complete')} keeps every constraint, so there is "
            "no best configuration.",
            evidence="/fronts/constraints",
        )
    stopped = said.count(Status.STOPPED)
    more = f" {words.trials(stopped)} stopped early; a value reached so is not compared."
    return Sentence(
        text=f"None of {words.trials(said.trials)} is complete, so there is no best configuration."
        + (more if stopped else ""),
        evidence="/summary/counts",
    )


def _tested(found: Analysis) -> Sentence:
    test, best = found.test, found.summary.best
    assert test is not None
    assert best is not None
    scores = words.listed([f"{name} {number(value)}" for name, value in test.metrics.items()])
    which = "it has" if test.number == best.number else f"trial {test.number} has"
    return Sentence(
        text=f"On test data, which nothing was chosen by, {which} {scores}.", evidence="/test"
    )


def _beside(found: Analysis) -> Iterator[Sentence]:
    """The baseline, by the objective."""
    seen, objective = found.baseline, found.summary.objective
    for place, c in enumerate(seen.compared):
        if c.name != objective:
            continue
        gain = c.difference.value or 0.0
        better = "better" if (gain > 0) is found.summary.maximize else "worse"
        than = f"{better} than" if gain else "no different from"
        known = c.difference.low is not None
        hedge = " An interval needs two trials of each." if not known else ""
        chosen = " As the best was chosen for this value, the difference is optimistic."
        yield Sentence(
            text=f"The best is {than} the baseline: {objective} {number(c.best)} against "
            f"{number(c.baseline)}, a difference of {words.interval(c.difference)}, over "
            f"{c.n_best} and {words.trials(c.n_baseline)}.{hedge}"
            f"{chosen if seen.optimistic else ''}",
            evidence=f"/baseline/compared/{place}",
        )
    if seen.reason:
        yield Sentence(text=f"No baseline is compared: {seen.reason}.", evidence="/baseline/reason")


def _compared(found: Analysis) -> Table:
    seen = found.baseline
    numbers = words.listed([str(n) for n in seen.numbers[:5]]) if seen.numbers else ""
    return Table(
        name="baseline",
        title=f"The baseline (trial {numbers}) and the best",
        note="Differences: best less baseline, with Welch's 95 % interval where both have two "
        "trials or more.",
        columns=(
            Column(name="quantity"),
            Column(name="baseline", show=words.number, right=True),
            Column(name="best", show=words.number, right=True),
            Column(name="difference", show=words.number, right=True),
            Column(name="from", show=words.number, right=True),
            Column(name="to", show=words.number, right=True),
            Column(name="relative", show=words.percent, right=True),
            Column(name="n baseline", right=True),
            Column(name="n best", right=True),
        ),
        rows=tuple(
            (
                c.name,
                c.baseline,
                c.best,
                c.difference.value,
                c.difference.low,
                c.difference.high,
                c.relative,
                c.n_baseline,
                c.n_best,
            )
            for c in seen.compared
        ),
    )


def _configuration(found: Analysis) -> Table:
    use = found.chosen
    assert use is not None
    searched = {p.name: p for p in found.parameters}
    units = f"{use.row.units} unit{'' if use.row.units == 1 else 's'}"
    return Table(
        name="best",
        title=f"Configuration of trial {use.row.number}, trained for {units}",
        columns=(
            Column(name="parameter"),
            Column(name="value", show=words.setting, right=True),
            Column(name="searched"),
            Column(name="where in the range"),
        ),
        rows=tuple(
            (
                s.parameter,
                s.value,
                words.domain(searched[s.parameter], most=words.MANY),
                _where(s.fraction, s.nth, s.of),
            )
            for s in use.settings
        ),
    )


def _where(fraction: float | None, nth: int | None, of: int | None) -> str | None:
    if fraction is not None:
        return f"{words.percent(fraction)} of the way"
    return None if nth is None else f"value {nth} of {of}"
