"""What matters first: the best, what it scored on test data, how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.confirmation import Confirmed
from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table, Tile
from jaxhpo.report.steps import steps
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
        yield _again(found)
        yield _compared(found)


def _tiles(found: Analysis) -> Iterator[Tile]:
    said, best, test = found.summary, found.summary.best, found.test
    if best is not None:
        sure = "confirmed" if found.confirmation.status == "confirmed" else "not confirmed"
        note = f"trial {best.number}{f', {sure}' if said.spread.n > 1 else ''}"
        value = number(best.value)
        yield Tile(name=f"best {said.objective}", value=value, note=note, first=True)
    if test is not None and said.objective in test.metrics:
        value = number(test.metrics[said.objective])
        note = f"trial {test.number}, never searched on"
        yield Tile(name=f"test {said.objective}", value=value, note=note)
    again = found.confirmation.best
    if again is not None and again.mean.value is not None:
        note = f"trial {again.number}, mean of {len(again.fresh)} fresh"
        yield Tile(name="trained again", value=number(again.mean.value), note=note)
    others = [f"{words.count(c.n)} {c.status}" for c in said.counts if c.status != "complete"]
    note = ", ".join(others) if others else f"of {words.trials(said.trials)}"
    yield Tile(name="complete trials", value=words.count(said.count(Status.COMPLETE)), note=note)
    seconds = [run.seconds for run in found.runs if run.seconds is not None]
    if seconds:
        note = f"in {len(seconds)} run{'' if len(seconds) == 1 else 's'}"
        yield Tile(name="time", value=words.duration(sum(seconds)), note=note)


def _said(found: Analysis) -> Iterator[Sentence]:
    said, best = found.summary, found.summary.best
    if best is None:
        yield _unscored(found)
        return
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
    yield from _trust(found)
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


def _trust(found: Analysis) -> Iterator[Sentence]:
    """Whether the best was confirmed, and by how much its value is likely to flatter."""
    seen = found.confirmation
    if seen.best is not None:
        yield _trained_again(found, seen.best)
    if seen.winner is not None and seen.others:
        first = seen.others[0]
        which = "the best of the search" if seen.stood else "not the best of the search"
        yield Sentence(
            text=f"Of the {len(seen.others)} best that were trained again, trial {first.number} "
            f"({which}) has the best mean: {words.interval(first.mean)}, n = "
            f"{len(first.fresh)}{_tests(found, first)}.",
            evidence="/confirmation/others/0",
        )
    n = found.summary.spread.n
    if seen.best is None and n > 1:
        yield Sentence(
            text=f"Not confirmed: it was picked as the best of {n} values and never trained again, "
            "so if values are noisy it is likely better than what the configuration is worth"
            f"{_flattered(found)}.",
            evidence="/confirmation",
        )


def _trained_again(found: Analysis, again: Confirmed) -> Sentence:
    seen = found.confirmation
    word = "Confirmed" if seen.status == "confirmed" else "Not confirmed by so few"
    lost = f"; {again.diverged} more diverged" if again.diverged else ""
    if again.mean.value is None:
        text = f"Not confirmed: trained again, trial {again.number} diverged every time (n = "
        text += f"{again.diverged})."
        return Sentence(text=text, evidence="/confirmation/best")
    flattered = "better" if again.optimism >= 0 else "worse"
    how = "with fresh seeds" if seen.source == "confirm" else "in later trials"
    return Sentence(
        text=f"{word}: trained again {how}, the configuration of trial {again.number} reached "
        f"{words.interval(again.mean)} in the mean (n = {len(again.fresh)}{lost}); the value it "
        f"was chosen by was {flattered} by {number(abs(again.optimism))}.",
        evidence="/confirmation/best",
    )


def _tests(found: Analysis, one: Confirmed) -> str:
    """The objective on test data; all metrics where it is not among them."""
    named = {k: v for k, v in one.test.items() if k == found.summary.objective} or one.test
    scores = [f"{name} {words.interval(value)}" for name, value in named.items()]
    return f"; on test data {words.listed(scores)}" if scores else ""


def _flattered(found: Analysis) -> str:
    seen, test = found.confirmation, found.test
    if seen.fair.value is not None:
        return f"; allowing for noise, about {words.interval(seen.fair)}"
    if test is not None and found.summary.objective in test.metrics:
        return "; the test score is free of that"
    return f"; by how much is unknown ({seen.reason})" if seen.reason else ""


def _again(found: Analysis) -> Table:
    seen = found.confirmation
    names = list(dict.fromkeys(name for c in seen.others for name in c.test))
    return Table(
        name="confirmed",
        title="Configurations that were trained again, by the mean of their fresh values",
        note="Chosen by: the value of the trial that each was chosen by. Intervals are Student's, "
        "95 %.",
        columns=(
            Column(name="trial", right=True),
            Column(name="chosen by", show=number, right=True),
            *(Column(name=head, show=number, right=True) for head in ("mean", "from", "to")),
            Column(name="n fresh", right=True),
            Column(name="diverged", right=True),
            Column(name="flattered by", show=number, right=True),
            *(Column(name=f"test {name}", show=number, right=True) for name in names),
        ),
        rows=tuple(
            (
                c.number,
                c.value,
                c.mean.value,
                c.mean.low,
                c.mean.high,
                len(c.fresh),
                c.diverged or None,
                c.optimism,
                *(c.test[name].value if name in c.test else None for name in names),
            )
            for c in seen.others
        ),
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
    best = found.summary.best
    assert best is not None
    searched = {p.name: p for p in found.parameters}
    units = f"{best.units} unit{'' if best.units == 1 else 's'}"
    return Table(
        name="best",
        title=f"Configuration of trial {best.number}, trained for {units}",
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
            for s in found.summary.settings
        ),
    )


def _where(fraction: float | None, nth: int | None, of: int | None) -> str | None:
    if fraction is not None:
        return f"{words.percent(fraction)} of the way"
    return None if nth is None else f"value {nth} of {of}"
