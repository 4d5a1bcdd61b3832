"""What makes the page answer: which trial a dot is, tables sorted by a click.

Without it everything is still there to be read. It writes text only as text, and asks for nothing.
"""

from __future__ import annotations

import json
from typing import Any

from jaxhpo.analysis.result import Analysis

_MOST_TRIALS = 6000  # beyond which dots are pixels, and there is nothing to point at

NO_TRIALS = '{"names":[],"trials":{}}'


def trial_data(found: Analysis) -> str:
    """What the page can tell of a complete trial, as JSON that stands safely inside a script."""
    names = [s.parameter for s in found.slices]
    shown: dict[str, list[Any]] = {}
    if len(found.progress.number) <= _MOST_TRIALS:
        for number, value in zip(found.progress.number, found.progress.value, strict=True):
            shown[str(number)] = [_short(value), *[None] * len(names)]
        for place, one in enumerate(found.slices):
            for number, x in zip(one.number, one.x, strict=True):
                value = one.labels[int(x)] if one.labels else _short(x)
                shown[str(number)][place + 1] = value
    whole = {"names": [found.summary.objective, *names], "trials": shown}
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _short(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e9 else float(f"{value:.5g}")


SCRIPT = """
(() => {
"use strict";
const make = (tag, css, text) => {
  const one = document.createElement(tag);
  if (css) one.className = css;
  if (text !== undefined) one.textContent = text;
  return one;
};

// Tables: a button in each head sorts by that column, again the other way.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = make("button", "sort", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => {
        const cell = row.cells[at];
        return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
      };
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        const less = typeof x === "number" && typeof y === "number"
          ? x - y : String(x).localeCompare(String(y), "en", {numeric: true});
        return up ? less : -less;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}

// Text to be copied.
for (const pre of document.querySelectorAll(".code pre")) {
  const button = make("button", "copy", "Copy");
  button.type = "button";
  pre.after(button);
  button.addEventListener("click", () => {
    getSelection().selectAllChildren(pre);
    if (!navigator.clipboard) return;
    navigator.clipboard.writeText(pre.textContent).then(
      () => { button.textContent = "Copied"; setTimeout(() => button.textContent = "Copy", 2000); },
      () => {});
  });
}

// Dots: what a trial was, and where else it is.
const {names, trials} = JSON.parse(document.getElementById("trial-data").textContent);
const numbers = Object.keys(trials).map(Number);
if (!numbers.length) return;
const dots = new Map();
const drawings = new Map();
for (const dot of document.querySelectorAll("[data-t]")) {
  const number = Number(dot.dataset.t), svg = dot.ownerSVGElement;
  if (!dots.has(number)) dots.set(number, []);
  dots.get(number).push(dot);
  if (!drawings.has(svg)) drawings.set(svg, []);
  const place = {number, x: dot.x.baseVal.value, y: dot.y.baseVal.value};
  drawings.get(svg).push(place);
}
const bar = make("aside", "trial");
bar.setAttribute("aria-label", "One trial");
bar.hidden = true;
const label = make("label", "", "trial ");
const input = make("input");
Object.assign(input, {type: "number", min: Math.min(...numbers), max: Math.max(...numbers)});
label.append(input);
const close = make("button", "close", "Close");
close.type = "button";
const head = make("div", "head");
head.append(label, close);
const text = make("dl");
text.setAttribute("aria-live", "polite");
bar.append(head, text);
document.body.append(bar);
let pinned = null, marked = [];

const show = number => {
  marked.forEach(dot => dot.classList.remove("on"));
  marked = number === null ? [] : dots.get(number) || [];
  marked.forEach(dot => { dot.classList.add("on"); dot.parentNode.append(dot); });
  bar.hidden = number === null;
  if (number === null) return;
  if (document.activeElement !== input) input.value = number;
  const values = trials[number];
  text.replaceChildren(...(values === undefined
    ? [make("dd", "", "This trial is not complete, or was not proposed.")]
    : names.flatMap((name, i) => values[i] === null ? [] : [
        make("dt", "", name), make("dd", "", values[i])])));
};
const nearest = (svg, event, reach) => {
  const to = svg.getScreenCTM().inverse();
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(to);
  let found = null, best = (reach * to.a) ** 2;
  for (const dot of drawings.get(svg)) {
    const far = (dot.x - at.x) ** 2 + (dot.y - at.y) ** 2;
    if (far <= best) { best = far; found = dot.number; }
  }
  return found;
};
for (const svg of drawings.keys()) {
  svg.addEventListener("pointermove", event => {
    if (event.pointerType === "mouse") show(nearest(svg, event, 9) ?? pinned);
  });
  svg.addEventListener("pointerleave", () => show(pinned));
  svg.addEventListener("click", event => {
    pinned = nearest(svg, event, 18);
    show(pinned);
  });
}
input.addEventListener("input", () => {
  pinned = input.value === "" ? null : Number(input.value);
  if (pinned !== null) show(pinned);
});
close.addEventListener("click", () => show(pinned = null));
addEventListener("keydown", event => { if (event.key === "Escape") show(pinned = null); });
const opener = make("button", "look", "Look at a trial");
opener.type = "button";
opener.addEventListener("click", () => {
  show(pinned = pinned ?? numbers[0]);
  input.focus();
});
document.querySelector("header").append(opener);
})();
"""
