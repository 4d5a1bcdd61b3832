"""A table that is too long to be held is drawn from, in bounded memory, and the report says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxhpo.analysis import Options, analysed
from jaxhpo.interop import _drawn
from jaxhpo.interop.sources import opened
from jaxhpo.report.markdown import markdown
from jaxhpo.report.report import report
from jaxhpo.space import Float, Space

SPACE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))


def test_every_line_is_as_likely_and_the_ends_are_kept():
    """Of 2,000 lines 200 are drawn, 300 times: a tenth each, with sd 1.7 %; five sd allowed for the
    mean of the first and of the last hundred (chance of a false failure below 1e-5)."""
    lines = [(i, float((i * 7919) % 2000)) for i in range(2000)]
    seen = np.zeros(2000)
    state = [_drawn.random.Random(seed) for seed in range(300)]
    for one in state:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_drawn.random, "Random", lambda _, one=one: one)
            found = _drawn.drawn(lines, lambda line: line[1], 200)
        assert found.of == 2000
        seen[[place for place, _ in found.rows]] += 1
        values = {line[1] for _, line in found.rows}
        assert values >= {*range(10), *range(1990, 2000)}
    ordinary = np.array([10 <= v < 1990 for _, v in lines])
    share = np.where(ordinary, seen / 300, np.nan)
    assert np.nanmean(share[:100]) == pytest.approx(0.1, abs=0.009)
    assert np.nanmean(share[-100:]) == pytest.approx(0.1, abs=0.009)


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_a_long_table_is_drawn_from_and_the_report_says_so(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(_drawn, "MOST", 1000)
    monkeypatch.setattr(_drawn, "ROWS", 300)
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3000))
    table = pd.DataFrame({"x": x, "y": y, "value": x + 0.1 * rng.normal(size=3000)})
    source = table
    if kind == "csv":
        source = tmp_path / "long.csv"
        table.to_csv(source, index=False)
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        source = tmp_path / "long.parquet"
        table.to_parquet(source)
    with opened(source, space=SPACE, maximize=False, startup=1500) as records:
        trials = records.trials()
        text = markdown(
            report(analysed(records, Options(resamples=20)), "now", notes=records.facts()["notes"])
        )
    assert 300 <= len(trials) <= 320
    explored = sum(t.phase == "explore" for t in trials)
    assert explored == sum(t.number < 1500 for t in trials)
    assert 100 < explored < 220
    assert min(t.loss for t in trials) == pytest.approx(table["value"].min())
    best = min(trials, key=lambda t: t.loss)
    assert best.number == int(table["value"].argmin())
    assert "the table has 3,000 rows" in text
    assert "drawn at random" in text


def test_a_table_that_is_not_long_is_read_whole(tmp_path):
    path = tmp_path / "short.csv"
    pd.DataFrame({"x": [0.1, 0.2], "y": [0.3, 0.4], "value": [1.0, 2.0]}).to_csv(path, index=False)
    with opened(path, space=SPACE, maximize=False) as records:
        assert len(records.trials()) == 2
