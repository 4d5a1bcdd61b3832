"""A study whose disk fills up stops and says so; with more room it ends as if nothing had been."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

ROOT = Path(__file__).parents[2]
OWN_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
STUDY = [
    *(sys.executable, "-m", "experiments.digits", "--noreport", "--trials=48", "--max_epochs=6"),
    *("--batch=8", "--lookahead=16", "--checkpoint_seconds=0.01"),
]
# A small disk, the study on it, more room, the same command again, the tables to a place outside.
SCRIPT = """
disk=$1; outside=$2; shift 2
mount -t tmpfs -o size=1500k none "$disk" || exit 99
"$@" --workdir="$disk/study"
echo "status $?"
mount -o remount,size=500m "$disk" || exit 99
"$@" --workdir="$disk/study" || exit 98
cp "$disk/study/study.db" "$outside"
"""


def may_mount() -> bool:
    command = [*OWN_DISK, "mount -t tmpfs none /mnt && mount -o remount,size=1m /mnt"]
    with_one = shutil.which("unshare") is not None
    return with_one and subprocess.run(command, capture_output=True).returncode == 0


def exported(workdir: Path) -> dict[str, bytes]:
    from jaxhpo.store.export import export
    from jaxhpo.store.records import open_records

    with open_records(workdir, read_only=True) as records:
        files = export(records, workdir / "export")
    return {f.name: f.read_bytes() for f in files if not f.name.startswith("timings")}


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="this user may not mount a small disk")
def test_a_full_disk_stops_a_study_and_loses_nothing(tmp_path):
    disk, outside, whole = (tmp_path / name for name in ("disk", "outside", "whole"))
    disk.mkdir()
    outside.mkdir()
    run = {"cwd": ROOT, "env": environment(), "text": True}
    command = [*OWN_DISK, SCRIPT, "sh", str(disk), str(outside), *STUDY]
    done = subprocess.run(command, capture_output=True, **run)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, second = done.stdout.partition("status 1\n")
    assert second, done.stdout
    said = done.stderr.splitlines()
    assert any(line.startswith("error: can't write ") for line in said)
    assert any("make room" in line for line in said)
    assert not any("Traceback" in line for line in said)
    subprocess.run([*STUDY, f"--workdir={whole}"], check=True, capture_output=True, **run)
    assert exported(outside) == exported(whole)
