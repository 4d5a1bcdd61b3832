"""The table of what the seeds contain names only what the bundle can hold."""

from __future__ import annotations

import re
from pathlib import Path

from jaxhpo.report import sections

DOCS = Path(__file__).parents[2] / "docs" / "seeds.md"


def test_every_file_and_section_that_is_named_exists():
    text = DOCS.read_text("utf-8")
    folder = Path(sections.__file__).parent
    source = "".join(
        p.read_text("utf-8") for p in [*folder.glob("*.py"), folder.parent / "panels.py"]
    )
    tables = set(re.findall(r"`tables/(\w+)\.csv`", text)) - {"contour1"}
    assert len(tables) > 15
    assert {name for name in tables if f'"{name}"' not in source} == set()
    figures = set(re.findall(r"figure `(\w+)`", text))
    assert {name for name in figures if f'name="{name}"' not in source} == set()
    titles = {module.TITLE for module in sections.ORDER}
    named = set(re.findall(r"[Ss]ections? \*([^*]+)\*", text))
    assert named <= titles, named - titles
