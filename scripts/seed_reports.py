"""Searches what the five seeds searched, and writes the report of each.

    python scripts/seed_reports.py --out reports

leaves the bundles ``reports/000`` to ``reports/004``, the searches' records under
``reports/runs``, and in ``reports/002-next`` the comparison of seed 002 with a search of the
space that its report advises. About a minute on two cores. `scripts/seed_studies.py` says which of
them are the real experiment and which a stand-in.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import seed_studies as studies

from jaxhpo.analysis.compare import compared, side
from jaxhpo.analysis.options import Options
from jaxhpo.report.bundle import write_comparison, write_report
from jaxhpo.space import Space
from jaxhpo.store.records import open_records

FOLLOWED = "002"
FOLLOWED_TRIALS = 50  # as many as its report wanted for the next search


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--out", type=Path, default=Path("reports"), help="where to (reports)")
    parser.add_argument("--seeds", default=",".join(studies.SEEDS), help="which of them (all)")
    parser.add_argument("--stamp", help="the time to put on the reports; by default now")
    given = parser.parse_args(arguments)
    for name in given.seeds.split(","):
        print(written(studies.SEEDS[name], given.out, given.stamp))
        if name == FOLLOWED:
            print(followed(studies.SEEDS[name], given.out, given.stamp))


class _Plain(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def written(seed: studies.Seed, out: Path, stamp: str | None = None) -> Path:
    """Searches, unless that was done before, and writes the report; returns the page."""
    runs = out / "runs" / seed.name
    studies.searched(seed, runs).close()
    write_report(
        runs,
        out / seed.name,
        stamp=stamp,
        options=Options(**seed.options),
        command=f"jaxhpo report {runs} --out {out / seed.name}",
    )
    return out / seed.name / "report.html"


def followed(seed: studies.Seed, out: Path, stamp: str | None = None) -> Path:
    """Searches the space that the seed's report advises, and compares; returns the page."""
    space = Space.from_yaml(out / seed.name / "next_space_aggressive.yaml")
    first, second = (out / "runs" / name for name in (seed.name, f"{seed.name}-next"))
    later = dataclasses.replace(seed, arguments={**seed.arguments, "seed": 1})
    studies.searched(later, second, space=space, trials=FOLLOWED_TRIALS).close()
    with open_records(first, read_only=True) as a, open_records(second, read_only=True) as b:
        found = compared(side(a, first.name), side(b, second.name))
    write_comparison(
        found,
        out / f"{seed.name}-next",
        stamp=stamp,
        command=f"jaxhpo compare {first} {second} --out {out / seed.name}-next",
    )
    return out / f"{seed.name}-next" / "report.html"


if __name__ == "__main__":
    main()
