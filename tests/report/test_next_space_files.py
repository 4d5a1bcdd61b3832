"""The bundle's spaces are accepted by a study as they are."""

from __future__ import annotations

import json

import pytest
from studies import random_records, records

from jaxhpo.analysis import Options
from jaxhpo.report import bundle
from jaxhpo.space import Space

QUICK = Options(resamples=20)


@pytest.mark.parametrize("seed", [None, 1, 3, 4, 8, 11])
def test_both_spaces_load_and_draw(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(bundle, "page", lambda made: "")
    monkeypatch.setattr(bundle, "saved", lambda *given, form: b"")
    made = records() if seed is None else random_records(seed)
    bundle.write_report(made, tmp_path, stamp="now", options=QUICK)
    whole = json.loads((tmp_path / "report.json").read_text("utf-8"))
    files = sorted(tmp_path.glob("next_space_*.yaml"))
    assert len(files) == (2 if whole["summary"]["best"] else 0)
    for path in files:
        space = Space.from_yaml(path)
        assert set(space.parameters) == {p["name"] for p in whole["parameters"]}
        assert len(space.decode([[0.5] * len(space)])) == 1
