"""Reads a report's page as a browser would, as far as the standard library can."""

from __future__ import annotations

import html.parser


class Page(html.parser.HTMLParser):
    """Collects tags, text, and everything that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in ("meta", "link", "br", "img", "input"):
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        for name in ("src", "href", "xlink:href", "action", "data"):
            if given.get(name):
                self.fetched.append(given[name])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)
