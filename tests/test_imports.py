"""The package is light: optional libraries are imported where they are needed, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPTIONAL = {
    "sqlalchemy",
    "pyarrow",
    "matplotlib",
    "plotly",
    "sklearn",
    "optuna",
    "torch",
    "jinja2",
    "cmaes",
}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_jaxhpo_imports_nothing_heavy():
    code = "import sys, jaxhpo; print(' '.join(m.partition('.')[0] for m in sys.modules))"
    loaded = set(run(code).split())
    assert not loaded & (OPTIONAL | {"jax", "pandas", "flax", "rich"})
    assert "jaxhpo.interop" not in run("import sys, jaxhpo; print(*sys.modules)")


HIDING = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def test_a_study_needs_no_optional_library():
    out = run(
        HIDING.format(names=OPTIONAL)
        + "from jaxhpo import Float, Space, Study\n"
        + "from jaxhpo.tasks.objective import objective\n"
        + "task = objective(lambda key, hp: (hp['x'] - 0.3) ** 2, Space(x=Float(0.0, 1.0)))\n"
        + "from jax._src import xla_bridge\n"
        + "import sys\n"
        + "print(xla_bridge.backends_are_initialized())\n"  # until then a platform may be chosen
        + "print('pandas' in sys.modules)\n"  # as slow to import as JAX, and needed for tables only
        + "with Study(task, trials=40) as study:\n"
        + "    print(study.run().ended, round(study.best.config['x'], 1), len(study.table()))\n"
    )
    assert out.split() == ["False", "False", "complete", "0.3", "40"]


def test_records_on_disk_without_sqlalchemy_say_what_to_install():
    out = run(
        HIDING.format(names={"sqlalchemy"})
        + "from jaxhpo import Float, Space, Study\n"
        + "from jaxhpo.tasks.objective import objective\n"
        + "task = objective(lambda key, hp: hp['x'], Space(x=Float(0.0, 1.0)))\n"
        + "try: Study(task, trials=4, workdir='nowhere')\n"
        + "except ImportError as error: print(error)\n"
    )
    assert 'pip install "jaxhpo[store]"' in out
    assert "workdir='nowhere'" in out


def test_a_sampler_without_its_library_says_what_to_install():
    out = run(
        HIDING.format(names={"cmaes"})
        + "from jaxhpo import registry\n"
        + "try: registry.get('samplers', 'cmaes')\n"
        + "except ImportError as error: print(error)\n"
    )
    assert 'pip install "jaxhpo[cmaes]"' in out


def test_unknown_names_are_refused_and_known_ones_listed():
    import jaxhpo

    assert jaxhpo.__all__ == sorted(jaxhpo._MODULE_OF)
    assert all(hasattr(jaxhpo, name) for name in dir(jaxhpo))
    with pytest.raises(AttributeError, match="Sudty"):
        _ = jaxhpo.Sudty
