"""Spaces as dicts and YAML, both ways, and what is said about files that can't be read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from spaces import spaces

from jaxhpo import Bool, Choice, Constant, Float, Int, Space, SpaceError

BY_HAND = """
# what a person would write
lr: {type: float, low: 1e-4, high: 1e-1, log: true, natural: low}
wd:
  low: 0.0          # a bound with a point: a float
  high: 1e-2
batch_size: [16, 32, 64]
optimizer: {type: categorical, choices: [adam, sgd, no]}
momentum: {type: float, low: 0, high: 0.9, step: 0.1, when: {optimizer: sgd}}
epochs: {type: int, low: 5, high: 2e1}
widths: {choices: [[64], [64, 64]], ordered: true}
norm: {type: bool, when: {widths: [[64, 64]], optimizer: [adam, sgd]}}
clip: {choices: [1e-3, '1e-3', ~, off, 010]}
smoothing: 0.0
data: digits
shape: {type: constant, value: [8, 8]}
nothing: {type: constant, value: null}
"""

IN_PYTHON = Space(
    lr=Float(1e-4, 0.1, log=True, natural="low"),
    wd=Float(0.0, 0.01),
    batch_size=Choice([16, 32, 64]),
    optimizer=Choice(["adam", "sgd", "no"]),
    momentum=Float(0, 0.9, step=0.1, when={"optimizer": "sgd"}),
    epochs=Int(5, 20),
    widths=Choice([(64,), (64, 64)], ordered=True),
    norm=Bool(when={"widths": [(64, 64)], "optimizer": ["adam", "sgd"]}),
    clip=Choice([1e-3, "1e-3", None, "off", 10]),
    smoothing=0.0,
    data="digits",
    shape=(8, 8),
    nothing=None,
)


def test_a_file_written_by_hand():
    space = Space.from_yaml(BY_HAND)
    assert space.difference(IN_PYTHON) == []
    assert space == IN_PYTHON


@settings(deadline=None)
@given(spaces())
def test_the_same_space_comes_back(space: Space):
    assert Space.from_dict(space.to_dict()) == space
    assert Space.from_dict(json.loads(json.dumps(space.to_dict(), allow_nan=False))) == space
    again = Space.from_yaml(space.to_yaml())
    assert again.difference(space) == []
    assert again.digest() == space.digest()
    assert again.to_yaml() == space.to_yaml()
    assert [again.decode([[0.4] * len(space)])] == [space.decode([[0.4] * len(space)])]


@settings(deadline=None)
@given(spaces())
def test_other_readers_of_yaml_read_the_same(space: Space):
    assert Space.from_dict(yaml.safe_load(space.to_yaml())) == space


def test_files(tmp_path: Path):
    path = tmp_path / "space.yaml"
    text = IN_PYTHON.to_yaml(path)
    assert path.read_text(encoding="utf-8") == text
    assert Space.from_yaml(path) == IN_PYTHON
    assert Space.from_yaml(str(path)) == IN_PYTHON
    with pytest.raises(FileNotFoundError, match=r"nowhere.yaml"):
        Space.from_yaml("nowhere.yaml")
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpaceError, match=r"space.yaml must be plain YAML"):
        Space.from_yaml(path)


def test_what_is_written_reads_well():
    space = Space(
        lr=Float(1e-5, 0.1, log=True),
        b=Choice([16, 32], when={"o": "x"}),
        o=Choice(["x", "y"]),
        k=(1,),
    )
    assert space.to_yaml() == (
        "lr: {type: float, low: 1.0e-05, high: 0.1, log: true}\n"
        "b:\n"
        "  type: choice\n"
        "  choices: [16, 32]\n"
        "  when: {o: x}\n"
        "o:\n"
        "  type: choice\n"
        "  choices: [x, y]\n"
        "k:\n"
        "  type: constant\n"
        "  value: [1]\n"
    )  # fmt: skip
    assert space.to_dict()["b"] == {"type": "choice", "choices": [16, 32], "when": {"o": "x"}}


def test_numbers_as_strings_are_read_where_only_a_number_can_be():
    found = {
        "lr": {"type": "float", "low": "1e-4", "high": " 1E-1 "},
        "n": {"type": "int", "low": "1", "high": "3"},
    }
    assert Space.from_dict(found) == Space(lr=Float(1e-4, 0.1), n=Int(1, 3))
    choices = Space.from_dict({"lr": ["1e-4", "1e-3"]})
    assert choices.parameters["lr"] == Choice(("1e-4", "1e-3"), static=True)


def test_anchors_and_merges_work():
    space = Space.from_yaml(
        "base: &b {type: float, low: 0.0, high: 1.0}\nother: {<<: *b, high: 2.0}\n"
    )
    assert space == Space(base=Float(0, 1), other=Float(0, 2))


BAD = {
    "unknown key": ("lr: {type: float, low: 0, high: 1, hihg: 2}", "'lr'", "'hihg'", "'high'?"),
    "unknown key of a bool": ("b: {type: bool, low: 0}", "'b'", "'low'", "bool knows: static"),
    "missing key": ("lr: {type: float, low: 0}", "'lr'", "'high'", "add high: to it"),
    "missing choices": ("c: {type: choice}", "'c'", "'choices'", "add choices: to it"),
    "unknown type": ("lr: {type: flaot, low: 0, high: 1}", "'lr'", "'flaot'", "write one of float"),
    "type is a list": ("lr: {type: [float], low: 0, high: 1}", "'lr'", "['float']", "write one of"),
    "no type": ("n: {low: 0, high: 1}", "'n'", "'low': 0, 'high': 1", "add type: float or int"),
    "no body": ("lr:\nn: 1", "'lr'", "nothing", "{type: constant, value: null}"),
    "name twice": ("lr: 1\nn: 2\nlr: 3", "'lr'", "line 1 and in line 3", "rename one"),
    "key twice": ("lr: {low: 0.0, high: 1.0, low: 0.5}", "'low'", "line 1", "rename one"),
    "no mapping": ("- a\n- b", "map names to parameters", "['a', 'b']", "write lines such as"),
    "empty": ("", "map names to parameters", "None", "write lines such as"),
    "only text": ("hello", "map names to parameters", "'hello'", "write lines such as"),
    "a name of a file": ("space.txt", "map names", "'space.txt'", "a name that ends in .yaml"),
    "no YAML": ("a: [1, 2\nb: 3", "plain YAML", "line 2", "correct that line"),
    "a tab": ("a:\n\t- 1", "plain YAML", "line 2", "correct that line"),
    "an unknown anchor": ("a: *b", "plain YAML", "line 1", "correct that line"),
    "Python": ("a: !!python/object/apply:os.getcwd []", "plain YAML", "line 1", "correct that"),
    "control characters": ("a: \x01", "plain YAML", "error", "correct it"),
    "a word for a number": ("lr: {type: float, low: a, high: 1}", "'lr'", "'a'", "write a number"),
    "yes for true": ("lr: {type: float, low: 0.1, high: 1, log: yes}", "'lr'", "'yes'", "log=True"),
    "choices no list": ("c: {choices: adam}", "'c'", "'adam'", "write choices: [a, b]"),
    "choices a mapping": ("c: {choices: {a: 1}}", "'c'", "{'a': 1}", "write choices: [a, b]"),
    "a mapping as a choice": ("c: [{a: 1}]", "'c'", "{'a': 1}", "write a tuple"),
    "infinite": ("lr: {type: float, low: 0.0, high: .inf}", "'lr'", "inf", "finite"),
    "nan constant": ("lr: [1, 2]\nk: .nan", "'k'", "nan", "finite"),
    "when no mapping": ("b: {type: bool, when: a}", "'b'", "'a'", "when={'parent': value}"),
    "names that are no strings": ("1: [a, b]", "1", "strings", "rename it"),
    "a list for a tuple": (
        "w: [[1, 2], [3]]\nb: {type: bool, when: {w: [1, 2]}}", "'b'", "'w': 1", "names several",
    ),
    "duplicate choices": ("c: [1e-3, 0.001]", "'c'", "0.001 and 0.001", "drop one"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused(case: str):
    text, *parts = BAD[case]
    with pytest.raises(SpaceError) as caught:
        Space.from_yaml(text + "\n")
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("value", [math.tanh, frozenset([1]), b"x", 1j, Path("a")])
def test_what_has_no_written_form_is_searched_but_not_written(value: object):
    space = Space(f=Choice([value, "other"]))
    assert space.decode([[0.1]]) == [{"f": value}]
    assert space == Space(f=Choice([value, "other"]))
    for call in (space.to_dict, space.to_yaml, space.digest):
        with pytest.raises(SpaceError, match=r"Choice.choices=.*'f' must hold only.*look it up"):
            call()
    with pytest.raises(SpaceError, match=r"Constant.value=.*'k' must hold only"):
        Space(a=Bool(), k=Constant(value)).to_dict()
