"""From the command line to a finished study: flags, start-up, progress, report.

An experiment is a package with three modules:

    options.py     a frozen dataclass `Options` (fields with ``metadata={"help": ...}``), and if you
                   like a dict `SMOKE` of values for ``--smoke``
    experiment.py  ``build(options, space=None) -> Task``
    __main__.py    ``main("my.package", Options, smoke=SMOKE)`` with `jaxhpo.launch.main`
"""

from jaxhpo.launch.run import main

__all__ = ["main"]
