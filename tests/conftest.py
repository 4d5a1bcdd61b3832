"""Settings for all tests; they are made before JAX is imported."""

from __future__ import annotations

import os
import tempfile

os.environ["JAX_PLATFORMS"] = os.environ.get("JAX_PLATFORMS", "cpu")
# Four devices of the host, so that tests can ask whether their number matters.
_FLAG = "--xla_force_host_platform_device_count=4"
if _FLAG not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAG}".strip()

import hypothesis  # noqa: E402
import jax  # noqa: E402
import pytest  # noqa: E402

# A shape that is made to fit silently is a mistake waiting to be made.
jax.config.update("jax_numpy_rank_promotion", "raise")
# Each worker keeps the programs it compiled: many tests train the same small model.
jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp(prefix="jaxhpo-tests-"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """What a user's account holds neither helps a test nor is touched by one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go():
    """Programs that a module compiled are let go after it: a worker would need gigabytes else."""
    yield
    jax.clear_caches()
