"""The page is well formed, fetches nothing, and works in a browser."""

from __future__ import annotations

import itertools
import re

import browser
import pytest
from pages import Page
from studies import records

from jaxhpo.analysis import Options
from jaxhpo.report.bundle import write_report

QUICK = Options(resamples=20)
STAMP = "2026-11-21 00:00 UTC"
BAD = '<script>alert("1")</script>'
needs_browser = pytest.mark.skipif(
    browser.found() is None,
    reason="no Chromium on the path; the page's text is checked all the same",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = records(stopped=4, name=BAD)
    made.put_fact("test", {"number": 1, "metrics": {"score": 0.5}})
    out = tmp_path_factory.mktemp("report")
    return {p.name: p for p in write_report(made, out, stamp=STAMP, options=QUICK)}


def test_the_page_is_well_formed_and_fetches_nothing(bundle):
    text = bundle["report.html"].read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert all(f.startswith(("#", "data:,")) for f in page.fetched), page.fetched
    assert text.count("<script") == page.tags.count("script") == 2
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert len(page.ids) == len(set(page.ids))
    targets = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)", text))
    assert targets
    assert targets <= set(page.ids)
    assert page.tags.count("h1") == 1
    # Figures for two widths and panels have words; the four marks of the key need none.
    drawn = text.count('role="img" aria-label="')
    assert drawn >= 15
    assert text.count("<svg ") == text.count('aria-hidden="true"') == drawn + 4
    assert 'aria-label=""' not in text
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(headings))
    assert text.count('<table aria-labelledby="') == page.tags.count("table") >= 10
    rows = page.tags.count("tr") - page.tags.count("table")  # of bodies
    assert text.count('scope="row"') == rows
    assert text.count("http") == text.count("http://www.w3.org/") + 1  # names of SVG, a meta's name
    assert "prefers-color-scheme: dark" in text
    assert len(text) < 3_000_000


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with browser.browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_it_without_network_or_complaint(bundle, opened, width, dark):
    opened.open(bundle["report.html"], width=width, dark=dark)
    assert opened.complaints() == []
    asked = [r for r in opened.requests() if not r.startswith("data:")]
    assert asked == [bundle["report.html"].absolute().as_uri()]
    page = opened.evaluate("document.documentElement.scrollWidth")
    assert page <= width, "the page must not scroll sideways"
    shade = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", shade)[:3])) < 300) is dark
    shown = opened.evaluate(
        "[...document.querySelectorAll('svg')].filter(s => s.getClientRects().length).map(s => "
        "Math.round(s.getBoundingClientRect().right))"
    )
    assert len(shown) > 8
    assert max(shown) <= width


@needs_browser
def test_tables_sort_and_dots_tell_their_trial(bundle, opened):
    opened.open(bundle["report.html"])
    column = "[...document.querySelectorAll('[aria-labelledby=table-top] tbody tr')].map(r => "
    column += "Number(r.cells[2].dataset.v))"
    before = opened.evaluate(column)
    click = "document.querySelectorAll('[aria-labelledby=table-top] thead button')[2].click()"
    opened.evaluate(click)
    assert opened.evaluate(column) == sorted(before)
    opened.evaluate(click)
    assert opened.evaluate(column) == sorted(before, reverse=True)

    shown = "document.querySelector('.trial').hidden ? '' : "
    shown += "document.querySelector('.trial dl').innerText"
    assert opened.evaluate(shown) == ""
    opened.evaluate("document.querySelector('.look').click()")
    opened.evaluate(
        "(i => {i.value = 60; i.dispatchEvent(new Event('input'))})"
        "(document.querySelector('.trial input'))"
    )
    assert "score" in opened.evaluate(shown)
    assert opened.evaluate("document.querySelectorAll('.on').length") in (7, 9)  # one a drawing
    assert (
        opened.evaluate("new Set([...document.querySelectorAll('.on')].map(d => d.dataset.t)).size")
        == 1
    )
    opened.evaluate("dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert opened.evaluate(shown) == ""
    assert opened.complaints() == []


@needs_browser
def test_the_keyboard_reaches_everything(bundle, opened):
    opened.open(bundle["report.html"], width=390)
    names = "[...document.querySelectorAll('a, button, input, [tabindex]')].filter(e => "
    names += "!(e.innerText || e.ariaLabel || e.getAttribute('aria-labelledby') || e.labels))"
    assert opened.evaluate(names + ".length") == 0
    marks = "['header', 'nav', 'main', 'h1'].map(t => document.querySelectorAll(t).length)"
    assert opened.evaluate(marks) == [1, 1, 1, 1]
    loose = "[...document.querySelectorAll('[aria-labelledby]')].filter(e => "
    loose += "!document.getElementById(e.getAttribute('aria-labelledby'))).length"
    assert opened.evaluate(loose) == 0
