"""Runs an experiment from the command line: flags in, a study and its report out."""

from __future__ import annotations

import dataclasses
import importlib
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jaxhpo.goals import goals
from jaxhpo.launch import show, streams
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


def experiment(module: str) -> Any:
    """The module that holds an experiment's ``build``.

    Raises:
        Usage: if it can't be found, or a package that it imports is not there.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    name = f"{module}.experiment"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise Usage(
                f"error: the experiment {module!r} can't be imported ({error}); run this in the "
                "directory that holds its package"
            ) from error
        raise _missing(module, error) from error


def built(module: str, options: Any, space: Any) -> Any:
    """The experiment's task, or a sentence about the package that it misses.

    Raises:
        Usage: if a package is not installed.
    """
    build = experiment(module).build
    try:
        return build(options, space)
    except ModuleNotFoundError as error:
        raise _missing(module, error) from error


def options_type(launch: Mapping[str, Any]) -> Any:
    """The options dataclass of a study, from what was noted when it was launched."""
    made = experiment(launch["module"])  # first, so that the package is found
    where, name = launch["options_type"]
    return getattr(made if where == "__main__" else importlib.import_module(where), name)


def workdir(settings: Settings, module: str) -> str:
    """The study's directory. A smoke run has one of its own: it is another study."""
    name = module.rpartition(".")[2] + ("-smoke" if settings.display.smoke else "")
    return settings.study.workdir or f"runs/{name}-seed{settings.study.seed}"


def command(settings: Settings, module: str) -> str:
    """What was typed, ready to be typed again (but for a password, which is not repeated)."""
    return shlex.join(_typed(settings, module))


def _typed(settings: Settings, module: str) -> list[str]:
    return ["python", "-m", module, *map(shown, settings.arguments)]


def _missing(module: str, error: ModuleNotFoundError) -> Usage:
    return Usage(
        f"error: {module} needs the package {error.name!r}, which is not installed; those of the "
        'experiments that come with jaxhpo: pip install "jaxhpo[experiments]"'
    )


def _run(module: str, settings: Settings, stop: Stop, after: After | None) -> int:
    from jaxhpo.launch.cache import keep_programs

    if settings.display.compile_cache:
        keep_programs()
    with sentences(module):
        study = _study(_task(module, settings), settings, workdir(settings, module))
    from jaxhpo.study import StudyFailed

    with study:
        with sentences():
            study.records.put_fact("launch", _launch(module, settings))
        _greet(module, study, settings)
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
        where = shlex.quote(shown(workdir(settings, module)))
        _farewell(study, where)
        if stop.asked():
            print(f"No report, as asked to stop: jaxhpo report {where}")
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
    return built(module, settings.experiment, space)


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


def _greet(module: str, study: Any, settings: Settings) -> None:
    import jax

    from jaxhpo.study.crowd import crowded

    devices, known = jax.local_devices(), len([t for t in study.trials if t.status.ended])
    task, wanted = study.task, settings.study.trials
    cohorts = study.programs
    print(f"{module}: {wanted} trials, seed {settings.study.seed}, {goals(task).words()}")
    for name, domain in task.space.parameters.items():
        print(f"  {name:<18}{_short(domain)}")
    print(f"Sampler {settings.study.sampler}, scheduler {settings.study.scheduler}; ", end="")
    print(f"{show.programs(cohorts)} with {study.identity['width']} lanes a tile, ", end="")
    print(f"on {len(devices)} x {devices[0].device_kind}")
    many = crowded(cohorts, wanted)
    if many is not None and not settings.display.smoke:
        print(many)
    if study.prior is not None:
        show.prior(study.prior.to_dict())
    print(f"Records: {study.records.path or shown(workdir(settings, module))}")
    if known:
        print(f"{known} trials have ended already; going on with the others.")
    print(flush=True)


def _farewell(study: Any, where: str) -> None:
    best, task = study.best, study.task
    if best is None:
        kept = " and keeps the constraints" if task.constraints else ""
        print(f"No trial is complete{kept}, so there is no best one: jaxhpo show {where} --trials")
        return
    if task.others:
        print(f"{len(study.front)} trials are in the front: no other beats them in all of")
        print(f"{goals(task).words()}. Which of them is best is yours to say: jaxhpo best {where}")
        print(f"Then, for its model and test data: jaxhpo rerun {where} --trial N")
        return
    print(f"Best of them by {task.objective}: trial {best.number}")
    for name, value in best.config.items():
        print(f"  {name:<18}{value}")
    score = ", ".join(f"{name} {value:.5g}" for name, value in best.metrics.items())
    print(f"  after {best.units} units: {score}")
    test = study.records.facts().get("test")
    if test and test["metrics"]:
        score = ", ".join(f"{name} {value:.5g}" for name, value in test["metrics"].items())
        print(f"  on test data, which nothing was chosen by: {score}")
    print(f"Look further: jaxhpo show {where}; jaxhpo rerun {where} --trial {best.number}")


def _report(study: Any) -> None:
    out = folder(study.records) / "report"
    try:
        from jaxhpo.report.bundle import write_report
    except ImportError as error:
        print(f'No report: {error}. It needs: pip install "jaxhpo[report]"', file=sys.stderr)
        return
    files = write_report(study.records, out)
    print(f"Report: {next(f for f in files if f.suffix == '.html')}")


def _short(domain: Any) -> str:
    """A domain without what it does not say: ``Float(0.001, 0.1, log=True)``."""
    shown = []
    for field in dataclasses.fields(domain):
        value = getattr(domain, field.name)
        if field.default is dataclasses.MISSING:
            shown.append(repr(value))
        elif value != field.default and not (field.name == "static" and value is False):
            shown.append(f"{field.name}={value!r}")
    return f"{type(domain).__name__}({', '.join(shown)})"
