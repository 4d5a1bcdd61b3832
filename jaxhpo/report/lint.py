"""Reads a finished report as a distrustful reader would, and lists what contradicts itself.

It knows nothing of how the report was made: it takes the files of the bundle, and looks for
statements without evidence, numbers that the results do not hold, claims that do not say how many
trials they are from, two values under one name, a parameter that is given two kinds of advice, and
files that disagree. ``python -m jaxhpo.report.lint DIR`` prints what it finds.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxhpo.report.lint_advice import Finding, advised
from jaxhpo.report.markdown import escaped

_NUMBER = re.compile(r"(?<![\w.,])([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)(?!\w)( %| ms| min| h)?")
_TIMES = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?(?: UTC)?")
_REVISION = re.compile(r"\bgit [0-9a-f]{12}\b")  # one in 300 is all digits
_OTHERS = re.compile(r"\band \d+ others\b")  # of a list of names that is cut short
_STATISTIC = re.compile(
    r"\b(?:rho|eta|mean|median|sd|quartiles?|interval|[pqR]2? = |importance|share)\b|%"
)
_COUNT = re.compile(
    r"\bn = \d|\b(?:of|over|from) (?:the )?\d|\d (?:\w+ ){0,3}trials?\b|\bn exploring"
)
_UNITS = {"": 1.0, " %": 100.0, " ms": 1000.0, " min": 1 / 60, " h": 1 / 3600}  # of what is held
_CONSTANTS = (0.05, 0.9, 5.0, 25.0, 32.0, 95.0, 0.0, 1.0)  # limits that a text may name
_KEYS = ("parameter",)  # heads of a first column that names what a row is of
# Heads whose meaning is that of their table.
_OWN = {
    "n",
    "p",
    "q",
    "from",
    "to",
    "low",
    "high",
    "measure",
    "value",
    "values",
    "verdict",
    "reason",
}
# Results that any sentence may name: of one study, and of a comparison.
_COMMON = ("summary", "options", "parameters", "n_a", "n_b", "random_a", "random_b", "k", "reason")


def lint(where: str | Path) -> list[Finding]:
    """Everything that is wrong with a bundle, in the directory `where`. Empty if nothing is."""
    home = Path(where)
    whole = json.loads((home / "report.json").read_text("utf-8"))
    tables = {
        path.stem: list(csv.reader(io.StringIO(path.read_text("utf-8"))))
        for path in sorted(home.glob("tables/*.csv"))
    }
    found = [*_sentences(whole), *_shown(whole, home), *_tables(tables), *_files(whole, home)]
    return [*found, *_best(whole, tables, home), *advised(whole, home)]


def _said(whole: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for section, lines in whole["sentences"].items():
        for line in lines:
            yield section, line["text"], line["evidence"]


def _sentences(whole: dict[str, Any]) -> Iterator[Finding]:
    named = {t for t in _texts(whole) if re.search(r"\d", t) and re.search(r"[^\W\d]", t)}
    names = sorted(named, key=len, reverse=True)
    results = {k: v for k, v in whole.items() if k != "sentences"}
    numbers: dict[str, set[float]] = {}
    for section, text, evidence in _said(whole):
        here = f"{section}: {text}"
        try:
            result = at(results, evidence)
        except (KeyError, IndexError, TypeError, ValueError):
            yield Finding(rule="evidence", where=here, text=f"{evidence} is not in report.json")
            continue
        if result is None:
            yield Finding(rule="evidence", where=here, text=f"{evidence} is null")
        top = evidence.split("/")[1]
        known = set(_numbers(result))
        for part in {top, *_COMMON} & set(results):
            if part not in numbers:
                numbers[part] = set(_numbers(results[part]))
            known |= numbers[part]
        for token, unit in _tokens(text, names):
            if not _holds(token, unit, known):
                why = f"{token} is not in {evidence}, /{top}, /summary, /options or /parameters"
                yield Finding(rule="number", where=here, text=why)
        if _STATISTIC.search(text) and not _COUNT.search(text):
            yield Finding(rule="n", where=here, text="it does not say of how many trials")


def at(whole: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at.

    Raises:
        KeyError, IndexError, ValueError: if it points at nothing.
    """
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        whole = whole[int(key)] if isinstance(whole, list) else whole[key]
    return whole


def _tokens(text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The numbers that a text states, with their units: not those in names, dates or versions."""
    for pattern in (_TIMES, _REVISION, _OTHERS):
        text = pattern.sub(" ", text)
    for name in names:
        if name in text:
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", " ", text)
    return [(number.rstrip(","), unit) for number, unit in _NUMBER.findall(text)]


def _holds(token: str, unit: str, known: set[float]) -> bool:
    """Whether some known number, as it may be shown, is written like this."""
    mantissa, _, exponent = token.replace(",", "").partition("e")
    value = abs(float(mantissa)) * 10.0 ** int(exponent or 0)
    half = 0.5000001 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    if any(abs(value - constant) < 1e-12 for constant in _CONSTANTS):
        return True
    factor = _UNITS[unit]
    return any(abs(abs(number) * factor - value) <= half for number in known)


def _numbers(result: Any) -> Iterator[float]:
    """Numbers, lengths of lists, and numbers in texts."""
    if isinstance(result, bool) or result is None:
        return
    if isinstance(result, int | float):
        yield float(result)
    elif isinstance(result, str):
        yield from (float(token.replace(",", "")) for token, _ in _NUMBER.findall(result))
    elif isinstance(result, list):
        yield float(len(result))
        for one in result:
            yield from _numbers(one)
    elif isinstance(result, dict):
        yield float(len(result))
        for one in result.values():
            yield from _numbers(one)


def _texts(result: Any) -> Iterator[str]:
    """Names and labels, wherever they stand."""
    if isinstance(result, str):
        yield result
    elif isinstance(result, list):
        for one in result:
            yield from _texts(one)
    elif isinstance(result, dict):
        for key, one in result.items():
            if key != "sentences":
                yield key
                yield from _texts(one)


def _shown(whole: dict[str, Any], home: Path) -> Iterator[Finding]:
    """Markdown and the log hold every sentence; the page is checked by its own tests."""
    for name, change in (("report.md", escaped), ("full.log", str)):
        text = (home / name).read_text("utf-8")
        for section, said, _ in _said(whole):
            if change(said) not in text:
                yield Finding(rule="shown", where=f"{section}: {said}", text=f"not in {name}")


def _tables(tables: dict[str, list[list[str]]]) -> Iterator[Finding]:
    """One column's name and one row's name have one value, in whichever table they stand."""
    known: dict[tuple[str, str], tuple[str, str]] = {}
    for name, (head, *rows) in tables.items():
        if len(set(head)) < len(head):
            yield Finding(rule="two values", where=f"tables/{name}.csv", text=f"heads {head}")
        keys = [row[0] for row in rows]
        if head[0] not in _KEYS or len(set(keys)) < len(keys):
            continue
        for row in rows:
            for column, cell in zip(head[1:], row[1:], strict=True):
                if column in _OWN:
                    continue
                before, value = known.setdefault((row[0], column), (name, cell))
                if value != cell:
                    why = f"{column} of {row[0]} is {value} in {before}, {cell} in {name}"
                    yield Finding(rule="two values", where=f"tables/{name}.csv", text=why)


def _files(whole: dict[str, Any], home: Path) -> Iterator[Finding]:
    there = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()}
    for name in sorted(set(whole["files"]) ^ there):
        listed = name in whole["files"]
        why = "listed, but not there" if listed else "there, but not listed"
        yield Finding(rule="files", where=name, text=why)
    text = (home / "report.md").read_text("utf-8")
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        if name not in there:
            yield Finding(rule="files", where="report.md", text=f"shows {name}, which is not there")


def _best(
    whole: dict[str, Any], tables: dict[str, list[list[str]]], home: Path
) -> Iterator[Finding]:
    """The best trial is the same everywhere, and so is the configuration that was chosen."""
    if "summary" not in whole:
        return  # a comparison
    best, path = whole["summary"]["best"], home / "best_config.json"
    if (best is None) is path.exists():
        yield Finding(rule="best", where=path.name, text="does not go with summary/best")
    if best is None or not path.exists():
        return
    config, use = json.loads(path.read_text("utf-8")), whole["chosen"]["row"]
    for name, value in (("trial", use["number"]), ("config", use["config"])):
        if config[name] != value:
            yield Finding(rule="best", where=path.name, text=f"{name} is not that of chosen/row")
    winner = whole["confirmation"]["winner"]
    if use["number"] != (best["number"] if winner is None else winner):
        yield Finding(rule="best", where="chosen", text="is neither the confirmed nor the best")
    if "top" in tables:
        first = dict(zip(tables["top"][0], tables["top"][1], strict=True))
        value = first[whole["summary"]["objective"]]
        if first["trial"] != str(best["number"]) or float(value) != best["value"]:
            yield Finding(rule="best", where="tables/top.csv", text="its first row is not the best")


def main(arguments: Sequence[str]) -> int:
    """Prints what is wrong with the bundles that are named; 1 if anything is."""
    code = 0
    for where in arguments:
        for finding in lint(where):
            print(f"{where}: {finding.rule}: {finding.where}: {finding.text}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
