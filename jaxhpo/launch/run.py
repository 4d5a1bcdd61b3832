"""Runs an experiment from the command line: flags in, a study and its report out."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jaxhpo.launch.flags import Settings, Usage, pairs, parsed

INTERRUPTED = 130  # the exit status after Ctrl-C, as shells have it


def main(
    module: str,
    options: type,
    *,
    smoke: Mapping[str, Any] | None = None,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Parses the command line, runs the study, exits.

    Exit status: 0 when the study is complete, or was asked to stop by SIGTERM (the same command
    goes on with it); 130 after Ctrl-C; 1 if its trials all failed; 2 for what can't be run.

    Args:
        module: the experiment's package; its module ``experiment`` has ``build``.
        options: its options dataclass. smoke: values that ``--smoke`` sets.
        arguments: instead of the command line's.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(_run(module, parsed(module, options, arguments, smoke=smoke or {})))
    except Usage as stop:
        print(stop, file=sys.stdout if stop.code == 0 else sys.stderr)
        sys.exit(stop.code)


def experiment(module: str) -> Any:
    """The module that holds an experiment's ``build``.

    Raises:
        Usage: if it can't be found.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    name = f"{module}.experiment"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise Usage(
                f"the experiment {module!r} can't be imported ({error}); run this in the directory "
                "that holds its package"
            ) from error
        raise


def settled(settings: Settings, module: str) -> Path:
    """The study's directory."""
    name = module.rpartition(".")[2]
    return Path(settings.study.workdir or f"runs/{name}-seed{settings.study.seed}")


def _run(module: str, settings: Settings) -> int:
    from jaxhpo.launch.cache import keep_programs

    stop = _Stop()
    if settings.display.compile_cache:
        keep_programs()
    from jaxhpo.store.errors import StudyInUse, StudyUnreadable, StudyWriteError
    from jaxhpo.study import StudyFailed

    try:
        task = _task(module, settings)
        study = _study(task, settings, settled(settings, module))
    except (ValueError, StudyInUse, StudyUnreadable, OSError) as error:
        raise Usage(f"error: {error}") from error
    with study:
        study.records.put_fact("launch", _launch(module, settings))
        _greet(module, study, settings)
        try:
            outcome = _watched(study, stop)
        except StudyFailed as error:
            raise Usage(f"error: {error}", code=1) from error
        except StudyWriteError as error:
            raise Usage(f"error: {error}", code=1) from error
        print(f"\n{outcome.message[0].upper()}{outcome.message[1:]}.")
        if outcome.ended == "interrupted":
            print("The same command goes on from here.")
            return INTERRUPTED if stop.signal == signal.SIGINT else 0
        _farewell(study)
        if settings.display.report:
            _report(study)
    return 0


def _task(module: str, settings: Settings) -> Any:
    from jaxhpo.space import Space

    path = settings.study.space
    if path is not None and not Path(path).is_file():
        raise ValueError(f"--space={path}: there is no such file")
    space = None if path is None else Space.from_yaml(Path(path))
    return experiment(module).build(settings.experiment, space)


def _study(task: Any, settings: Settings, workdir: Path) -> Any:
    from jaxhpo.study import Study

    study = settings.study
    return Study(
        task,
        trials=study.trials,
        seed=study.seed,
        workdir=workdir,
        sampler=study.sampler,
        sampler_options=pairs(study.sampler_option, "sampler_option"),
        scheduler=study.scheduler,
        scheduler_options=pairs(study.scheduler_option, "scheduler_option"),
        batch=study.batch,
        lookahead=study.lookahead,
        width=study.width,
        drivers=study.drivers,
    )


def _launch(module: str, settings: Settings) -> dict[str, Any]:
    """What is needed to build the same task again."""
    space = settings.study.space
    return {
        "module": module,
        "options": dataclasses.asdict(settings.experiment),
        "space": None if space is None else Path(space).read_text("utf-8"),
        "flags": dict(settings.given),
    }


def _watched(study: Any, stop: _Stop) -> Any:
    from jaxhpo.launch.progress import display

    shown = display()
    try:
        with stop:
            return study.run(on_tick=shown, stop=stop.asked)
    finally:
        shown.close()


def _greet(module: str, study: Any, settings: Settings) -> None:
    import jax

    devices, known = jax.local_devices(), len([t for t in study.trials if t.status.ended])
    print(f"{module}: {settings.study.trials} trials, sampler {settings.study.sampler}, ", end="")
    print(f"seed {settings.study.seed}, on {len(devices)} x {devices[0].device_kind}")
    for name, domain in study.task.space.parameters.items():
        print(f"  {name:<18}{_short(domain)}")
    print(f"Records: {study.records.path}")
    if known:
        print(f"{known} trials have ended already; going on with the others.")
    print(flush=True)


def _farewell(study: Any) -> None:
    best, task = study.best, study.task
    if best is None:
        print("No trial was completed, so there is no best one.")
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
    where = study.records.path.parent
    print(f"Look further: jaxhpo show {where}; jaxhpo rerun {where} --trial {best.number}")


def _report(study: Any) -> None:
    try:
        from jaxhpo.report.bundle import write_report
    except ImportError as error:
        print(f'No report: {error}. It needs: pip install "jaxhpo[report]"', file=sys.stderr)
        return
    files = write_report(study.records, study.records.path.parent / "report")
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


class _Stop:
    """Turns the first Ctrl-C or SIGTERM into a question that the study asks after every tick."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    def _take(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            os._exit(128 + number)  # asked twice: what has ended is recorded, the rest can wait
        self.signal = number
        print(
            "\nStopping after this tick; once more to leave at once.", file=sys.stderr, flush=True
        )

    def __enter__(self) -> _Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
