"""The digits experiment from one command to a report, with programs fresh and from the cache."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

from experiments.digits.options import SMOKE
from jaxhpo.launch.cli import main as cli
from jaxhpo.store.export import export
from jaxhpo.store.models import load_model
from jaxhpo.store.records import open_records

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"\d+/\d+ trials(, .+)*|from trial \d+ on, \w+: .+")


def ran(where: Path, cache: Path, *more: str) -> tuple[str, str]:
    command = [sys.executable, "-m", "experiments.digits", "--smoke", f"--workdir={where}", *more]
    told = environment(XDG_CACHE_HOME=str(cache))
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def exported(where: Path) -> dict[str, bytes]:
    with open_records(where, read_only=True) as records:
        files = export(records, where / "export")
    return {file.name: file.read_bytes() for file in files if not file.name.startswith("timings")}


@pytest.mark.slow
def test_one_command_ends_in_a_report_and_kept_programs_change_nothing(tmp_path, capsys):
    said, shown = ran(tmp_path / "fresh", tmp_path / "cache")
    assert f"All {SMOKE['trials']} trials have ended" in said
    assert "on test data, which nothing was chosen by: accuracy" in said
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / "fresh" / "report" / name).stat().st_size > 500
    assert len(list((tmp_path / "fresh" / "report" / "figures").glob("*.png"))) >= 2
    kept = set((tmp_path / "cache" / "jaxhpo" / "programs").iterdir())
    assert len(kept) > 3
    _, again = ran(tmp_path / "kept", tmp_path / "cache", "--noreport")
    assert not (tmp_path / "kept" / "report").exists()
    for line in (shown + again).splitlines():  # and no word of the compiler's
        assert SHOWN.fullmatch(line), line
    assert exported(tmp_path / "fresh") == exported(tmp_path / "kept")
    assert cli(["rerun", str(tmp_path / "kept"), "--trial", "3"]) == 0
    assert "bit for bit" in capsys.readouterr().out
    state, _ = load_model(tmp_path / "kept" / "models" / "trial-3")
    assert state["params"]["Dense_0"]["kernel"].shape[0] == 64
