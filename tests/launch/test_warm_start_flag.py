"""``--warm_start`` takes studies of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from jaxhpo import Float, Space, Study
from jaxhpo.launch.foreign import prior_source
from jaxhpo.study.warm_start import mapped
from jaxhpo.tasks.objective import objective

SPACE = Space(x=Float(0.0, 1.0))
TASK = objective(lambda key, hp: (hp["x"] - 0.3) ** 2, SPACE)


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    place = tmp_path_factory.mktemp("earlier")
    with Study(TASK, trials=8, sampler="random", workdir=place) as study:
        study.run()
        told = mapped(prior_source(str(place), TASK), SPACE, objective="objective", maximize=False)
        np.testing.assert_allclose(told.losses, [t.loss for t in study.trials])
    return place


def test_a_study_of_ours_keeps_the_name_it_was_given(where):
    assert prior_source(str(where), TASK).name == str(where)


def test_a_table(tmp_path):
    (tmp_path / "old.csv").write_text("x,objective\n0.5,0.04\n0.25,0.0025\n0.75,0.2\n")
    source = prior_source(str(tmp_path / "old.csv"), TASK)
    told = mapped(source, SPACE, objective="objective", maximize=False)
    np.testing.assert_allclose(told.points[:, 0], [0.5, 0.25, 0.75], atol=1e-6)
    np.testing.assert_allclose(told.losses, [0.04, 0.0025, 0.2])


def test_a_study_of_optuna(tmp_path):
    optuna = pytest.importorskip("optuna")
    url = f"sqlite:///{tmp_path}/optuna.db"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=url)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 2.0) ** 2, n_trials=6)
    told = mapped(prior_source(url, TASK), SPACE, objective="objective", maximize=False)
    fits = [t.value for t in study.trials if t.params["x"] <= 1.0]
    np.testing.assert_allclose(told.losses, fits, rtol=1e-6)
    assert told.notes[0] == "its 'value' is taken for this study's 'objective'"
