"""Settings for all tests; they are made before JAX is imported."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import tempfile
from pathlib import Path

import processes

os.environ["JAX_PLATFORMS"] = os.environ.get("JAX_PLATFORMS", "cpu")
# Four devices of the host, so that tests can ask whether their number matters.
for _flag in (processes.IN_ONE_PIECE, "--xla_force_host_platform_device_count=4"):
    if _flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_flag}".strip()

# One folder for the programs that are compiled, which the workers inherit: many tests train the
# same small model. Processes that tests start keep theirs elsewhere: one that is killed may leave
# half a program behind.
_FIRST = "JAXHPO_TESTS_PROGRAMS" not in os.environ
_PROGRAMS = os.environ.setdefault(
    "JAXHPO_TESTS_PROGRAMS", tempfile.mkdtemp(prefix="jaxhpo-tests-") if _FIRST else ""
)

import hypothesis  # noqa: E402
import jax  # noqa: E402
import pytest  # noqa: E402
from jax._src import lru_cache  # noqa: E402

# A shape that is made to fit silently is a mistake waiting to be made.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", _PROGRAMS)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("ci")


def _put(cache: lru_cache.LRUCache, key: str, value: bytes) -> None:
    """As JAX's own, but what another worker finds is whole."""
    where = Path(cache.path)
    with tempfile.NamedTemporaryFile(dir=where, delete=False) as part:
        part.write(value)
    os.replace(part.name, where / f"{key}-cache")


lru_cache.LRUCache.put = _put


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that made the folder removes it."""
    if _FIRST:
        shutil.rmtree(_PROGRAMS, ignore_errors=True)


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """What a user's account holds neither helps a test nor is touched by one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go():
    """Programs that a module compiled are let go after it, and their memory is given back: a worker
    would need gigabytes else."""
    yield
    jax.clear_caches()
    with contextlib.suppress(AttributeError, OSError):  # of the GNU library alone
        ctypes.CDLL(None).malloc_trim(0)
