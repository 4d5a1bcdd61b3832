"""From the command line to a finished study: flags, start-up, progress, report.

An experiment is a package, in any directory, with three modules:

    options.py     a frozen dataclass `Options`: every field has a type (bool, int, float, str,
                   Literal, a tuple of such, or one of them or None) and a default, and is a
                   flag; ``metadata={"help": ...}`` says what it is (`jaxhpo.launch.option` makes
                   such fields). A dict `SMOKE` if you like: what ``--smoke`` sets, of these
                   options and of the study's.
    experiment.py  ``build(options, space=None) -> Task``; `space` is that of ``--space``, or None.
    __main__.py    three lines:

                       from jaxhpo.launch import main
                       from mine.options import SMOKE, Options
                       main("mine", Options, smoke=SMOKE)

Then ``python -m mine --trials=64`` runs it. `options.py` should import nothing heavy: ``--help``
needs nothing else.
"""

from jaxhpo.launch.run import main
from jaxhpo.launch.settings import option

__all__ = ["main", "option"]
