"""The README's table of speeds, from the committed result of `bench_population.py`.

python scripts/bench_table.py      writes it into README.md
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_WHAT = {
    "jaxhpo": "jaxhpo, one process, two drivers",
    "scan": "jitted scan a trial, numbers traced, a process a core",
    "recompile": "a compilation a trial, a process a core",
    "torch": "eager PyTorch, a process a core",
}


def speed(result: dict[str, Any]) -> str:
    """The table and what it was measured with, as Markdown."""
    a, b = (result["workloads"][name] for name in ("A", "B"))
    lines = [
        "| trials a second on two cores | A | B | jaxhpo is faster by (A, B) |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, what in _WHAT.items():
        if name not in a or name not in b:
            continue
        ratio = "" if name == "jaxhpo" else f"{_ratio(a[name])}, {_ratio(b[name])}"
        lines.append(f"| {what} | {_rate(a[name])} | {_rate(b[name])} | {ratio} |")
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += [
        "",
        "A: MLP 5-64-128-64-36, 67 rows, batch 16, 300 epochs, dropout. B: digits, MLP "
        "64-128-128-10, batch 64, 20 epochs. All evaluate after every epoch; compilation is left "
        f"out except where it is the point. Medians of {result['rounds']} interleaved rounds on "
        f"{result['hardware']['cpu']}, {versions}, {result['date']}: `{result['command']}`.",
        "",
    ]
    return "\n".join(lines)


def _rate(row: dict[str, Any]) -> str:
    return f"{row['trials_per_second']:.3g}"


def _ratio(row: dict[str, Any]) -> str:
    return f"{row['jaxhpo_is_faster_by']:.3g}x"


def put(mark: str, table: str, page: str = "README.md") -> None:
    """Puts a table where a page has room for it: between the comments that name `mark`."""
    readme = ROOT / page
    text = re.sub(
        rf"(<!-- {mark}:.*?-->\n).*?(<!-- /{mark} -->)",
        lambda found: found.group(1) + table + found.group(2),
        readme.read_text("utf-8"),
        flags=re.DOTALL,
    )
    readme.write_text(text, "utf-8")


def main() -> None:
    """Writes the table of speeds into the README."""
    put("speed", speed(json.loads((ROOT / "scripts/results/population.json").read_text("utf-8"))))


if __name__ == "__main__":
    main()
