"""What the command ``jaxhpo`` takes: its commands, their arguments, and their help."""

from __future__ import annotations

import argparse
import difflib

from jaxhpo import __version__
from jaxhpo.launch import reporting
from jaxhpo.launch.foreign import foreign

_TEXTS = {  # what each command does, and examples of what follows the study
    "show": ("where the study stands, and what it ran on", "", " --trials", " --trial 7"),
    "best": ("the best configuration, or the front", " > best.yaml", " --json"),
    "report": ("write the report (Markdown, HTML, JSON, figures, tables)", " --out report"),
    "compare": (
        "whether a second study did better than a first, and which of its advice was right",
        " runs/refined",
        " runs/refined --out comparison",
    ),
    "export": ("write trials and curves as CSV and Parquet", " --out tables"),
    "confirm": ("train the best again with fresh seeds", "", " --top 10 --seeds 5"),
    "rerun": ("train one trial again, alone, compare it bit for bit, save it", " --trial 7"),
}


def parser() -> argparse.ArgumentParser:
    """The parser of the command line; `command` and `dir` are always there."""
    made = argparse.ArgumentParser(
        prog="jaxhpo",
        description="Looks at a study, also while it runs, and trains trials of it again.",
        epilog=_examples("show runs/digits", "best runs/digits --json", "COMMAND --help"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"jaxhpo {__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    each = {}
    for name, (text, *examples) in _TEXTS.items():
        each[name] = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_examples(*(f"{name} runs/digits{more}" for more in examples)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        each[name].add_argument("dir", metavar="DIR", help="the study's directory, or database URL")
    _looking(each["show"], each["best"], each["export"])
    _reports(each["report"], each["compare"])
    _training(each["confirm"], each["rerun"])
    return made


def unknown(made: argparse.ArgumentParser, command: str, given: str) -> str:
    """What to say of an argument that a command does not have."""
    parts = [a for a in made._actions if isinstance(a, argparse._SubParsersAction)]
    options = [name for a in parts[0].choices[command]._actions for name in a.option_strings]
    name = given.partition("=")[0]
    close = difflib.get_close_matches(name, options, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    what = f"no option {name}" if name.startswith("-") else f"no place for {given!r}"
    return f"error: jaxhpo {command} has {what}{hint}\nSee jaxhpo {command} --help"


def _looking(
    show: argparse.ArgumentParser, best: argparse.ArgumentParser, export: argparse.ArgumentParser
) -> None:
    show.add_argument("--trials", action="store_true", help="a line for every trial")
    show.add_argument("--trial", type=int, metavar="N", help="everything about one trial")
    show.add_argument(
        "--plan", action="store_true", help="which structures share a program, and why"
    )
    best.add_argument("--json", action="store_true", help="as JSON instead of YAML")
    export.add_argument("--out", metavar="DIR", help="where to (DIR/export)")
    export.add_argument(
        "--optuna", metavar="URL", help="instead, as a study into this Optuna storage"
    )
    for command in (show, best, export):
        foreign(command)


def _reports(report: argparse.ArgumentParser, compare: argparse.ArgumentParser) -> None:
    report.add_argument("--out", metavar="DIR", help="where to (DIR/report)")
    foreign(report)
    reporting.arguments(report)
    compare.add_argument("second", metavar="SECOND", help="the study that came after it")
    compare.add_argument("--out", metavar="DIR", help="write a report there, too")
    compare.add_argument("--seed", type=int, metavar="N", help="of every resampling (0)")
    foreign(compare)
    compare.add_argument("--second-study", metavar="NAME", help="of the second, if not the same")
    reporting.looks(compare)


def _training(confirm: argparse.ArgumentParser, rerun: argparse.ArgumentParser) -> None:
    confirm.add_argument("--top", type=int, metavar="N", default=5, help="how many (5)")
    confirm.add_argument("--seeds", type=int, metavar="N", default=5, help="how often each (5)")
    rerun.add_argument("--trial", type=int, metavar="N", required=True, help="which trial")
    rerun.add_argument("--out", metavar="DIR", help="where to (DIR/models/trial-N)")


def _examples(*commands: str) -> str:
    return "\n".join(["examples:", *(f"  jaxhpo {command}" for command in commands)])
