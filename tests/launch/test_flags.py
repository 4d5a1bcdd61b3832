"""The command line: what it takes, and what it says to what it can't take."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

import pytest

from jaxhpo import registry
from jaxhpo.launch.errors import Usage
from jaxhpo.launch.flags import pairs, parsed, restored
from jaxhpo.launch.settings import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    depth: int = option(3, "how deep", least=1)
    rate: float = option(0.5, "how fast")
    kind: Literal["mlp", "cnn"] = option("mlp", "which model")
    name: str | None = option(None, "what to call it")
    tags: tuple[str, ...] = option((), "labels")
    sizes: tuple[int, ...] | None = option(None, "layers")
    power: Literal[2, 4] = option(2, "steepness")
    fast: bool = option(False, "hurry")


SMOKE = {"trials": 4, "depth": 1}


def parse(*arguments: str):
    return parsed("my.experiment", Options, arguments, smoke=SMOKE)


def test_what_is_not_given_has_its_default():
    settings = parse()
    assert settings.experiment == Options()
    assert (settings.study.trials, settings.study.sampler) == (512, "auto")
    assert settings.display.report
    assert settings.given == {}


def test_an_experiment_may_have_defaults_of_its_own():
    defaults = {"trials": 2048, "depth": 7}

    def read(*arguments: str):
        return parsed("m", Options, arguments, smoke=SMOKE, defaults=defaults)

    assert (read().study.trials, read().experiment.depth) == (2048, 7)
    assert read().given == {}
    assert read("--trials=3").study.trials == 3
    assert read("--smoke").study.trials == 4
    assert parse().study.trials == 512  # and nobody else has them
    with pytest.raises(Usage, match=r"how many trials the study has in the end \[2048\]"):
        read("--help")


def test_every_type_is_read():
    settings = parse(
        "--trials=64",
        "--workdir=/x/y",
        "--depth=5",
        "--rate=1e-3",
        "--kind=cnn",
        "--name=a b",
        "--tags=u,v",
        "--sizes=8,16",
        "--power=4",
        "--fast",
        "--noreport",
    )
    assert settings.experiment == Options(
        depth=5,
        rate=1e-3,
        kind="cnn",
        name="a b",
        tags=("u", "v"),
        sizes=(8, 16),
        power=4,
        fast=True,
    )
    assert (settings.study.trials, settings.study.workdir) == (64, "/x/y")
    assert not settings.display.report
    assert settings.given["tags"] == ["u", "v"]


def test_lanes_is_another_name_of_width():
    for arguments in (("--lanes=8",), ("--lanes", "8"), ("-lanes=8",), ("--width=8",)):
        settings = parse(*arguments)
        assert settings.study.width == 8
        assert settings.given == {"width": 8}


def test_smoke_sets_what_was_not_given():
    settings = parse("--smoke", "--depth=7")
    assert (settings.study.trials, settings.experiment.depth) == (4, 7)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--trails=3", "trails.*Did you mean.*trials"),
        ("--trials=0", "trials=0"),
        ("--trials=many", "trials=many"),
        ("--seed=-1", "seed=-1"),
        ("--depth=0", "depth=0"),
        ("--kind=rnn", "rnn.*<mlp|cnn>"),
        ("--rate=fast", "rate=fast"),
        ("--sizes=8,many", "sizes=8,many: must be ints"),
        ("--power=3", "power=3.*<2|4>"),
        ("--fast=perhaps", "fast=perhaps"),
        ("--sampler=tpee", "sampler='tpee' is not known. Did you mean tpe\\? .*grid, random"),
        ("--scheduler=zzz", "scheduler='zzz' is not known. jaxhpo/schedulers/ holds: "),
        ("--progress=some", "progress=some.*<auto|live|plain|none>"),
        ("--trials", "Missing value for flag --trials"),
        ("stray", "'stray' is no flag"),
    ],
)
def test_what_cannot_be_is_named(argument, said):
    with pytest.raises(Usage, match=said) as caught:
        parse(argument)
    assert caught.value.code == 2


def test_help_names_every_flag_its_default_and_its_meaning():
    with pytest.raises(Usage) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = str(caught.value)
    for part in (
        "python -m my.experiment",
        "--trials=int",
        "[512]",
        "--kind=mlp|cnn",
        "how deep",
        "--sizes=int,...",
        "--[no]report",
        "everything works: --trials=4, --depth=1 [no]",
        "[runs/<experiment>-seed<seed>]",
        f"--sampler=NAME who proposes: {', '.join(registry.names('samplers'))} [auto]",
        "python -m my.experiment --smoke",
    ):
        assert part in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100


def test_options_of_samplers_are_given_one_by_one():
    settings = parse("--sampler_option=startup=32", "--sampler_option=sizes=[1, 2]")
    assert settings.study.sampler_option == ("startup=32", "sizes=[1, 2]")


def test_options_of_samplers_are_pairs():
    texts = ["startup=32", "narrowest=1e-3", "mode=fast", "on=true", "sizes=[1, 2]"]
    assert pairs(texts, "sampler_option") == {
        "startup": 32,
        "narrowest": 0.001,
        "mode": "fast",
        "on": True,
        "sizes": [1, 2],
    }


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["startup"], "must be NAME=VALUE"),
        (["=3"], "must be NAME=VALUE"),
        (["a=1", "a=2"], "a is already 1"),
        (["a=[1"], "can't be read"),
    ],
)
def test_what_is_no_pair_is_refused(texts, said):
    with pytest.raises(Usage, match=said):
        pairs(texts, "sampler_option")


def test_options_come_back_from_json_as_they_were():
    options = Options(tags=("a",), sizes=(1, 2), power=4, name=None)
    stored = json.loads(json.dumps(dataclasses.asdict(options)))
    assert restored(Options, stored) == options
    with pytest.raises(Usage, match="'gone', which the experiment no longer has"):
        restored(Options, {**stored, "gone": 1})


def test_an_option_may_not_have_the_name_of_a_flag_of_all_experiments():
    @dataclasses.dataclass(frozen=True)
    class Clash:
        seed: int = 3

    with pytest.raises(TypeError, match="'seed' of Clash"):
        parsed("m", Clash, [], smoke={})


def test_an_option_needs_a_default():
    @dataclasses.dataclass(frozen=True)
    class Bare:
        depth: int

    with pytest.raises(TypeError, match="'depth' must have a default"):
        parsed("m", Bare, [], smoke={})


def test_an_option_of_a_type_that_is_no_flag_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Odd:
        table: dict = option(None, "what")  # noqa: RUF009

    with pytest.raises(TypeError, match="'table'"):
        parsed("m", Odd, [], smoke={})
