"""An experiment, run from the command line: what it leaves, what it says, what it refuses."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading

import pytest

from jaxhpo.launch import cache
from jaxhpo.launch.cli import main as cli
from jaxhpo.store.records import open_records


def test_a_run_leaves_records_and_says_what_it_found(toy, tmp_path, capfd):
    where = tmp_path / "a study"
    assert toy("--smoke", "--noreport", f"--workdir={where}", "--noise=0.5") == 0
    said, shown = capfd.readouterr()
    for part in (
        "toy: 6 trials, seed 0, height minimised",
        "Float(0.0, 1.0)",
        "Sampler auto, scheduler none; one program with ",
        f"Records: {where / 'study.db'}",
        "All 6 trials have ended.",
        "Best of them by height: trial ",
        f"jaxhpo show '{where}'",
    ):
        assert part in said
    assert "6/6 trials, best height" in shown.splitlines()[-1]
    with open_records(where, read_only=True) as records:
        trials, facts, sessions = records.trials(), records.facts(), records.sessions()
    assert len(trials) == 6
    assert all(trial.status.ended for trial in trials)
    assert [session["how"] for session in sessions] == ["complete"]
    launch = facts["launch"]
    assert launch["module"] == "toy"
    assert launch["flags"]["noise"] == 0.5
    assert tuple(launch["options"]["center"]) == (0.5, 0.5)  # from --smoke
    assert launch["command"][:3] == ["python", "-m", "toy"]
    assert "--noise=0.5" in launch["command"]


def test_many_programs_for_few_trials_are_worth_a_word(toy, tmp_path, capsys):
    file = tmp_path / "space.yaml"
    file.write_text(
        "x: {type: float, low: 0, high: 1}\ny: {type: int, low: 0, high: 9, static: true}\n"
    )
    flags = (f"--space={file}", f"--workdir={tmp_path / 'study'}", "--noreport", "--progress=none")
    assert toy("--trials=2", *flags) == 0
    said, shown = capsys.readouterr()
    assert "10 programs with " in said
    assert "a program to compile for every 0.2 trials" in said
    assert shown == ""


def test_the_same_command_again_has_nothing_left_to_do(toy, workdir, capsys):
    assert toy("--trials=24", "--label=bowl", "--noreport", f"--workdir={workdir}") == 0
    said = capsys.readouterr().out
    assert "24 trials have ended already" in said
    assert "All 24 trials have ended" in said


def test_more_trials_go_on_with_the_study(toy, tmp_path, capsys):
    assert toy("--trials=4", "--noreport", f"--workdir={tmp_path}", "--lookahead=16") == 0
    assert toy("--trials=7", "--noreport", f"--workdir={tmp_path}", "--lookahead=16") == 0
    assert "4 trials have ended already; going on" in capsys.readouterr().out


def test_a_workdir_is_chosen_where_none_is_given(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert toy("--trials=2", "--seed=5", "--noreport") == 0
    assert toy("--smoke", "--seed=5", "--noreport") == 0
    made = sorted(str(path.parent) for path in (tmp_path / "runs").rglob("study.db"))
    assert made == [str(tmp_path / "runs" / name) for name in ("toy-seed5", "toy-smoke-seed5")]


def test_other_settings_are_refused_with_the_difference(toy, workdir, capsys):
    flags = ["--trials=24", "--label=bowl", "--noreport", f"--workdir={workdir}"]
    assert toy(*flags, "--seed=3") == 2
    said = capsys.readouterr().err
    assert "seed: the study has 0, this run has 3" in said
    assert "Traceback" not in said
    assert toy(*flags, "--label=dish") == 2
    assert "task.name: the study has 'bowl', this run has 'dish'" in capsys.readouterr().err


def test_a_study_in_use_is_refused(toy, workdir, capsys):
    with open_records(workdir):
        assert toy("--trials=24", "--label=bowl", f"--workdir={workdir}") == 2
    assert "is open in this process already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trails=5",), "Did you mean: trials"),
        (("--trials=1.5",), "trials=1.5"),
        (("--sampler=tpee",), "sampler='tpee' is not known"),
        (("--sampler_option=gamma=1",), "no option 'gamma'"),
        (("--sampler_option=startup",), "must be NAME=VALUE"),
        (("--sampler_option=startup=-3",), "startup"),
        (("--scheduler=medium",), "scheduler='medium' is not known"),
        (("--space=nowhere.yaml",), "no such file"),
        (("--center=1,2,3",), "--center must be two numbers, got 3"),
        (("--fault=said",), "error: the toy has no data; fetch it first"),
        (("--fault=module",), "toy needs the package 'no_such_package'"),
    ],
)
def test_what_cannot_be_run_is_said_in_words(toy, tmp_path, capsys, arguments, said):
    assert toy(f"--workdir={tmp_path / 'new'}", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "new").exists()


def test_a_mistake_in_an_experiment_keeps_its_traceback(toy, tmp_path):
    from toy.options import Options

    from jaxhpo.launch import main

    with pytest.raises(ValueError, match="cannot reshape"):
        main("toy", Options, arguments=["--fault=slip", f"--workdir={tmp_path}"])


def test_a_bad_space_file_is_named(toy, tmp_path, capsys):
    file = tmp_path / "space.yaml"
    file.write_text("x: {type: float, low: 2, high: 1}\n")
    assert toy(f"--space={file}", f"--workdir={tmp_path / 'new'}") == 2
    said = capsys.readouterr().err
    assert f"--space={file}" in said
    assert "low" in said


def test_a_space_from_a_file_is_searched(toy, tmp_path):
    file, where = tmp_path / "space.yaml", tmp_path / "study"
    file.write_text("x: {type: float, low: 0.4, high: 0.6}\ny: 3\n")
    assert toy("--trials=3", f"--space={file}", f"--workdir={where}", "--noreport") == 0
    with open_records(where, read_only=True) as records:
        configs = [trial.config for trial in records.trials()]
    assert all(config["y"] == 3 and 0.4 <= config["x"] <= 0.6 for config in configs)
    file.unlink()  # what is needed is in the records
    assert cli(["rerun", str(where), "--trial", "1"]) == 0


def test_a_workdir_that_is_a_file_is_refused(toy, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert toy("--smoke", f"--workdir={tmp_path / 'file'}") == 2
    said = capsys.readouterr().err
    assert "file" in said
    assert "Traceback" not in said


def test_a_study_whose_trials_all_fail_ends_with_1(toy, tmp_path, capsys):
    assert toy("--broken", f"--workdir={tmp_path}") == 1
    assert "out of order" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_said_and_fails_nothing(
    toy, tmp_path, capsys, monkeypatch
):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("jaxhpo.report"):
            raise ImportError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert toy("--trials=2", f"--workdir={tmp_path}") == 0
    said = capsys.readouterr().err
    assert 'pip install "jaxhpo[report]"' in said
    assert cli(["report", str(tmp_path)]) == 2
    assert 'pip install "jaxhpo[report]"' in capsys.readouterr().err


def test_an_experiment_that_is_nowhere_is_said_so(tmp_path, capsys):
    from toy.options import Options

    from jaxhpo.launch import main

    with pytest.raises(SystemExit) as stop:
        main("nowhere.at.all", Options, arguments=[f"--workdir={tmp_path}"])
    assert stop.value.code == 2
    assert "run this in the directory that holds its package" in capsys.readouterr().err


def test_what_comes_after_is_done_once_the_study_is_complete(tmp_path):
    from toy.options import Options

    from jaxhpo.launch import main

    seen = []

    def after(study, settings, stop):
        seen.append((len(study.trials), settings.study.trials, stop()))

    def run(*arguments: str) -> int:
        flags = ["--noreport", "--progress=none", *arguments]
        with pytest.raises(SystemExit) as stop:
            main("toy", Options, arguments=flags, defaults={"trials": 3}, after=after)
        return int(stop.value.code or 0)

    assert run(f"--workdir={tmp_path / 'a'}") == 0
    assert seen == [(3, 3, False)]
    assert run(f"--workdir={tmp_path / 'b'}", "--broken") == 1
    assert len(seen) == 1


def test_a_run_in_a_thread_takes_no_signals(toy, tmp_path):
    codes = []
    flags = ("--trials=2", "--noreport", f"--workdir={tmp_path}")
    thread = threading.Thread(target=lambda: codes.append(toy(*flags)))
    thread.start()
    thread.join()
    assert codes == [0]


def test_help_waits_for_nothing_heavy():
    code = (
        "import sys; from jaxhpo.launch import main\n"
        "from experiments.digits.options import Options\n"
        "try: main('experiments.digits', Options, arguments=['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'sqlalchemy', 'matplotlib', 'pandas', 'flax'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--trials=int" in done.stdout


def test_half_a_program_that_a_killed_process_left_is_removed(monkeypatch, tmp_path):
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    where = tmp_path / "jaxhpo" / "programs"
    before = jax.config.jax_compilation_cache_dir

    def start():
        jax.config.update("jax_compilation_cache_dir", None)
        cache.keep_programs()
        compilation_cache.reset_cache()

    try:
        start()
        jax.jit(lambda x: x * 3 + 1)(1.0)
        whole = sorted(where.glob("*-cache"))
        assert whole
        start()
        assert sorted(where.glob("*-cache")) == whole
        looked = (where / "swept").stat().st_mtime
        older, half = where / "older-cache", where / "half-cache"
        for file, age in ((older, -60.0), (half, 60.0)):
            file.write_bytes(whole[0].read_bytes()[:-9])
            os.utime(file, (looked + age, looked + age))
        start()
        assert not half.exists()
        assert older.exists()  # from before it was looked through last
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
        compilation_cache.reset_cache()


def test_programs_are_kept_where_the_user_says_or_not_at_all(monkeypatch, tmp_path):
    import jax

    before = jax.config.jax_compilation_cache_dir
    cache.keep_programs()  # set up by the tests themselves, so it stays
    assert jax.config.jax_compilation_cache_dir == before
    names = ("min_compile_time_secs", "min_entry_size_bytes")
    settings = {n: getattr(jax.config, f"jax_persistent_cache_{n}") for n in names}
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
        cache.keep_programs()
        assert jax.config.jax_compilation_cache_dir is None
        monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # can't be written to
        cache.keep_programs()
        assert jax.config.jax_compilation_cache_dir is None
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        cache.keep_programs()
        assert jax.config.jax_compilation_cache_dir == str(
            tmp_path / "cache" / "jaxhpo" / "programs"
        )
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
        for name, value in settings.items():
            jax.config.update(f"jax_persistent_cache_{name}", value)
