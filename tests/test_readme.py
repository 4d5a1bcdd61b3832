"""What the README shows runs, and what it claims stands in a committed result."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxhpo import testing

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
sys.path.insert(0, str(ROOT / "scripts"))


def block(part: str) -> str:
    """The example that has this in it."""
    (found,) = [code for code in BLOCKS if part in code]
    return found


def test_code_stands_within_the_first_thirty_lines():
    lines = TEXT.splitlines()[:30]
    assert sum(line.startswith("```") for line in lines) == 2


def test_the_first_example_finds_the_optimum(capsys):
    names: dict = {}
    exec(BLOCKS[0], names)
    assert "all 256 trials have ended" in capsys.readouterr().out
    assert names["study"].best.loss < 0.2
    assert names["study"].best.config["shape"] == "ridge"


@pytest.mark.slow
def test_the_model_example_runs():
    names: dict = {}
    exec(BLOCKS[1], names)
    assert len(names["table"]) == 32
    assert names["table"]["value"].max() > 0.8


def test_the_example_of_blocks_runs():
    names: dict = {}
    exec(block("stream=1024"), names)
    assert names["study"].best.metrics["accuracy"] > 0.5
    assert names["task"].stream.shares["train"] == (0.25,) * 4


def test_the_examples_of_additions_conform():
    names: dict = {}
    exec(block("def lattice"), names)
    testing.check_sampler(names["lattice"])
    exec(block("def threshold"), names)
    testing.check_scheduler(names["threshold"])
    exec(block("def descent"), names)
    testing.check_task(names["example"]())


def test_the_example_of_several_objectives_runs():
    names: dict = {}
    exec(BLOCKS[-2], names)
    front = names["study"].front
    assert len(front) > 5
    assert all(trial.metrics["heat"] <= 16.0 for trial in front)


def example(document: str) -> dict:
    """What the one example of a document names."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names


@pytest.mark.slow
def test_the_example_of_asking_and_telling_by_hand_learns():
    names = example("optuna.md")
    losses = [loss for loss, _ in names["tried"]]
    assert len(losses) == 32
    assert min(losses) < 0.0012


@pytest.mark.slow
def test_the_example_of_searches_inside_a_program_finds_the_least():
    names = example("samplers.md")
    for centre, point in zip(np.linspace(0.0, 1.0, 5), np.asarray(names["best"]), strict=True):
        assert (point[0] - centre) ** 2 + point[1] < 0.1


def test_every_figure_on_speed_is_from_the_result_file():
    from bench_table import speed

    result = json.loads((ROOT / "scripts/results/population.json").read_text("utf-8"))
    part = re.search(r"<!-- speed:.*?-->\n(.*?)<!-- /speed -->", TEXT, flags=re.DOTALL)
    assert part is not None
    assert part.group(1) == speed(result)
    assert result["command"] in part.group(1)
    assert result["hardware"]["cpu"] in part.group(1)


def test_every_figure_on_samplers_is_from_the_result_file():
    from bench_sampler_table import all_samplers, samplers

    result = json.loads((ROOT / "scripts/results/sampler.json").read_text("utf-8"))
    docs = (ROOT / "docs/samplers.md").read_text("utf-8")
    for mark, text, made in (("samplers", TEXT, samplers), ("all samplers", docs, all_samplers)):
        part = re.search(rf"<!-- {mark}:.*?-->\n(.*?)<!-- /{mark} -->", text, flags=re.DOTALL)
        assert part is not None
        assert part.group(1) == made(result)
        assert "| `tpe` |" in part.group(1)


def test_the_example_of_minimize_runs(capsys):
    names: dict = {}
    exec(BLOCKS[-1], names)
    assert names["found"].value < 0.3
    assert "tpe" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["scripts/quickstart", "scripts/test", ".ci/run", "LICENSE"])
def test_files_that_are_promised_are_there(name):
    assert (ROOT / name).exists()


def test_every_path_in_the_readme_exists():
    for path in re.findall(r"`((?:scripts|jaxhpo|third_party|experiments)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path
