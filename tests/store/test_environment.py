"""What a run ran on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import jax
import pytest

from jaxhpo.store import environment


def git(where, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(where), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_plain_data_and_fast():
    jax.devices()
    environment.describe()
    began = time.perf_counter()
    found = environment.describe()
    assert time.perf_counter() - began < 1  # milliseconds, but for a busy machine
    assert json.loads(json.dumps(found)) == found
    assert found["versions"]["jax"] == jax.__version__
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["devices"]["count"] == jax.local_device_count()
    assert found["cpus"] >= 1
    assert socket.gethostname() not in json.dumps(found["platform"])


def test_the_revision_is_that_of_the_directory(tmp_path, monkeypatch):
    assert environment.revision(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert environment.revision(tmp_path) is None  # nothing is committed yet
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    monkeypatch.chdir("/")
    (tmp_path / "inner").mkdir()
    assert environment.revision(tmp_path / "inner") == {"revision": head, "changed": False}
    (tmp_path / "untracked").write_text("")
    assert environment.revision(tmp_path) == {"revision": head, "changed": False}
    (tmp_path / "code.py").write_text("2")
    assert environment.revision(tmp_path) == {"revision": head, "changed": True}


def test_the_directory_is_that_of_the_program(tmp_path, monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", str(tmp_path / "run.py"), raising=False)
    assert environment._started_from() == tmp_path
    monkeypatch.delattr(main, "__file__")
    monkeypatch.chdir(tmp_path)
    assert environment._started_from() == tmp_path


@pytest.mark.parametrize(
    "failure",
    [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 2), PermissionError("no")],
)
def test_without_git_there_is_no_revision(tmp_path, monkeypatch, failure):
    def fails(*_, **__):
        raise failure

    monkeypatch.setattr(environment.subprocess, "run", fails)
    assert environment.revision(tmp_path) is None
    assert environment.describe()["git"] is None


def test_what_cannot_be_known_is_empty(monkeypatch):
    def fails(*_):
        raise RuntimeError("no backend")

    monkeypatch.setattr(jax, "local_devices", fails)
    monkeypatch.delattr(environment.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(environment.sys, "argv", [])
    found = environment.describe()
    assert found["devices"] == {}
    assert found["cpus"] == environment.os.cpu_count()
    assert found["command"] == []


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("postgresql://me:secret@host/hpo", "postgresql://me:***@host/hpo"),
        ("--workdir=postgresql+psycopg://me:s/e:c%40t@h:5432/d", None),
        (
            "postgresql://h/d?user=me&password=secret&x=1",
            "postgresql://h/d?user=me&password=***&x=1",
        ),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=***"),
        ("postgresql://:secret@/d", "postgresql://:***@/d"),
        ("postgresql://host:5432/hpo", "postgresql://host:5432/hpo"),
        ("sqlite:////x/a:b@c.db", "sqlite:////x/a:b@c.db"),
        ("--name=a:b@c", "--name=a:b@c"),
    ],
)
def test_passwords_are_masked(text, without, monkeypatch):
    without = without or "--workdir=postgresql+psycopg://me:***@h:5432/d"
    assert environment.masked(text) == without
    monkeypatch.setattr(environment.sys, "argv", ["/x/run.py", "--trials=3", text])
    assert environment.describe()["command"] == ["run.py", "--trials=3", without]
