"""Runs an experiment from the command line: flags in, a study and its report out."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jaxhpo.launch import experiments, show, streams, words
from jaxhpo.launch.errors import Usage, sentences
from jaxhpo.launch.flags import pairs, parsed
from jaxhpo.launch.foreign import prior_source
from jaxhpo.launch.places import folder, shown
from jaxhpo.launch.settings import Settings
from jaxhpo.launch.signals import Stop

After = Callable[[Any, Settings, Callable[[], bool]], None]


def main(
    module: str,
    options: type,
    *,
    smoke: Mapping[str, Any] | None = None,
    arguments: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    after: After | None = None,
) -> NoReturn:
    """Parses the command line, runs the study, exits.

    Exit status: 0 when the study is complete, or was asked to stop by SIGTERM or SIGHUP (the same
    command goes on with it); 130 after Ctrl-C; 1 if its trials all failed or its records can't be
    written; 2 for what can't be run.

    Args:
        module: the experiment's package; its module ``experiment`` has ``build``.
        options: its options dataclass. smoke: values that ``--smoke`` sets.
        arguments: instead of the command line's.
        defaults: of flags, where the experiment's are not those of all.
        after: called with a study that is complete, the settings, and whether to stop; what it
            makes stands beside the report.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    streams.opened()
    try:
        settings = parsed(module, options, arguments, smoke=smoke or {}, defaults=defaults or {})
        with Stop() as stop:
            sys.exit(_run(module, settings, stop, after))
    except Usage as found:
        print(found, file=sys.stdout if found.code == 0 else sys.stderr)
        sys.exit(found.code)
    except BrokenPipeError:  # who read what was printed has gone; what has ended is recorded
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def workdir(settings: Settings, module: str) -> str:
    """The study's directory. A smoke run has one of its own: it is another study."""
    name = module.rpartition(".")[2] + ("-smoke" if settings.display.smoke else "")
    return settings.study.workdir or f"runs/{name}-seed{settings.study.seed}"


def command(settings: Settings, module: str) -> str:
    """What was typed, ready to be typed again (but for a password, which is not repeated)."""
    return shlex.join(_typed(settings, module))


def _typed(settings: Settings, module: str) -> list[str]:
    return ["python", "-m", module, *map(shown, settings.arguments)]


def _run(module: str, settings: Settings, stop: Stop, after: After | None) -> int:
    from jaxhpo.launch.cache import keep_programs

    if settings.display.compile_cache:
        keep_programs()
    with sentences(module):
        where = workdir(settings, module)
        study = _study(_task(module, settings), settings, where)
    from jaxhpo.study import StudyFailed

    with study:
        with sentences():
            study.records.put_fact("launch", _launch(module, settings))
        words.greet(module, study, settings, where)
        try:
            with sentences():
                outcome = _watched(study, stop, settings.display.progress)
        except StudyFailed as error:
            raise Usage(f"error: {error}", code=1) from error
        print(f"\n{outcome.message[0].upper()}{outcome.message[1:]}.")
        if outcome.ended == "interrupted":
            print(f"The same command goes on from here:\n  {command(settings, module)}")
            return stop.code
        if settings.study.confirm and study.best is not None and not stop.asked():
            with sentences():
                show.confirmation(study.confirm(settings.study.confirm).to_dict())
        typed = shlex.quote(shown(where))
        words.farewell(study, typed)
        if stop.asked():
            print(f"No report, as asked to stop: jaxhpo report {typed}")
            return stop.code
        if settings.display.report:
            _report(study)
        if after is not None:
            with sentences(module):
                after(study, settings, stop.asked)
            return stop.code if stop.asked() else 0
    return 0


def _task(module: str, settings: Settings) -> Any:
    from jaxhpo.space import Space

    path = settings.study.space
    if path is not None and not Path(path).is_file():
        raise Usage(f"error: --space={path}: there is no such file")
    try:
        space = None if path is None else Space.from_yaml(Path(path))
    except ValueError as error:
        raise Usage(f"error: --space={path}: {error}") from error
    return experiments.built(module, settings.experiment, space)


def _study(task: Any, settings: Settings, where: str) -> Any:
    from jaxhpo.study import Study

    study = settings.study
    return Study(
        task,
        trials=study.trials,
        seed=study.seed,
        workdir=where,
        sampler=study.sampler,
        sampler_options=pairs(study.sampler_option, "sampler_option"),
        scheduler=study.scheduler,
        scheduler_options=pairs(study.scheduler_option, "scheduler_option"),
        batch=study.batch,
        lookahead=study.lookahead,
        width=study.width,
        drivers=study.drivers,
        replicates=study.replicates,
        warm_start=None if study.warm_start is None else prior_source(study.warm_start, task),
        plan=pairs(study.plan, "plan"),
        checkpoint_seconds=study.checkpoint_seconds,
    )


def _launch(module: str, settings: Settings) -> dict[str, Any]:
    """What is needed to build the same task again, and what was typed."""
    space = settings.study.space
    return {
        "module": module,
        "options_type": [type(settings.experiment).__module__, type(settings.experiment).__name__],
        "options": dataclasses.asdict(settings.experiment),
        "space": None if space is None else Path(space).read_text("utf-8"),
        "flags": {k: shown(v) if isinstance(v, str) else v for k, v in settings.given.items()},
        "command": _typed(settings, module),
    }


def _watched(study: Any, stop: Stop, how: str) -> Any:
    from jaxhpo.launch.progress import display
    from jaxhpo.study.crowd import ManyPrograms

    shown, before = display(how), stop.say
    stop.say = shown.say
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ManyPrograms)  # the greeting has said so
            return study.run(on_tick=shown, stop=stop.asked)
    finally:
        stop.say = before
        shown.close()


def _report(study: Any) -> None:
    out = folder(study.records) / "report"
    try:
        from jaxhpo.report.bundle import write_report
    except ImportError as error:
        print(f'No report: {error}. It needs: pip install "jaxhpo[report]"', file=sys.stderr)
        return
    files = write_report(study.records, out)
    print(f"Report: {next(f for f in files if f.suffix == '.html')}")
