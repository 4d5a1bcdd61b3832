"""Every bad space is refused with a message that names the parameter, the value and the fix."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from jaxhpo import Bool, Choice, Constant, Float, Int, Space, SpaceError

NAN, INF = float("nan"), float("inf")

# what makes the space, the argument, the parameter, the value, the fix: all of them in the message
BAD: dict[str, tuple[Callable[[], Any], str, str, str, str]] = {
    # bounds
    "low above high": (
        lambda: Space(lr=Float(0.1, 0.01)),
        "Float(low=...)", "'lr'", "low=0.1, high=0.01", "swap them",
    ),
    "low is high": (
        lambda: Space(lr=Float(0.1, 0.1)),
        "Float(low=...)", "'lr'", "low=0.1, high=0.1", "for a constant: lr=0.1",
    ),
    "int low above high": (
        lambda: Space(n=Int(5, 1)), "Int(low=...)", "'n'", "low=5, high=1", "swap them",
    ),
    "int low is high": (
        lambda: Space(n=Int(5, 5)), "Int(low=...)", "'n'", "low=5, high=5", "constant: n=5",
    ),
    "nan bound": (
        lambda: Space(lr=Float(NAN, 1)), "Float(low=...)", "'lr'", "got nan", "finite number",
    ),
    "infinite bound": (
        lambda: Space(lr=Float(0, INF)), "Float(high=...)", "'lr'", "got inf", "finite number",
    ),
    "infinite int bound": (
        lambda: Space(n=Int(0, INF)),  # type: ignore[arg-type]
        "Int(high=...)", "'n'", "got inf", "finite number",
    ),
    "int beyond floats": (
        lambda: Space(x=Float(0, 10**400)), "Float(high=...)", "'x'", "got 1000", "finite number",
    ),
    "bool bound": (
        lambda: Space(n=Int(False, 3)), "Int(low=...)", "'n'", "got False", "Bool()",
    ),
    "string bound": (
        lambda: Space(lr=Float("1e-3", 1)),  # type: ignore[arg-type]
        "Float(low=...)", "'lr'", "got '1e-3'", "write a number",
    ),
    "missing bound": (
        lambda: Space(lr=Float(None, 1)),  # type: ignore[arg-type]
        "Float(low=...)", "'lr'", "got None", "write a number",
    ),
    "decimal bound": (
        lambda: Space(lr=Float(Decimal("0.1"), 1)),  # type: ignore[arg-type]
        "Float(low=...)", "'lr'", "got Decimal('0.1')", "write a number",
    ),
    "fractional int bound": (
        lambda: Space(n=Int(1, 4.5)),  # type: ignore[arg-type]
        "Int(high=...)", "'n'", "got 4.5", "write 4, or use Float",
    ),
    "bounds that float32 can't hold": (
        lambda: Space(x=Float(0, 1e39)), "Float(low, high=...)", "'x'", "high=1e+39", "logarithm",
    ),
    "log of what float32 takes for 0": (
        lambda: Space(x=Float(1e-40, 1, log=True)),
        "Float(low, high=...)", "'x'", "low=1e-40", "another unit",
    ),
    "bounds that float32 can't tell apart": (
        lambda: Space(x=Float(1e6, 1e6 + 1e-3)),
        "Float(low, high=...)", "'x'", "low=1000000.0", "widen",
    ),
    "bounds that int32 can't hold": (
        lambda: Space(n=Int(2**40, 2**40 + 8)),
        "Int(low, high=...)", "'n'", f"low={2**40}", "static=True",
    ),
    "more levels than a coordinate": (
        lambda: Space(n=Int(0, 2**24)),
        "Int(low, high=...)", "'n'", "16777217 values", "larger step",
    ),
    "more log levels than a coordinate": (
        lambda: Space(n=Int(1, 3 * 10**6, log=True)),
        "Int(low, high=...)", "'n'", "3000000 values", "larger step",
    ),
    # logarithms
    "log from 0": (
        lambda: Space(lr=Float(0, 1, log=True)),
        "Float(low=...)", "'lr'", "low=0.0, high=1.0", "a low such as 1e-06, or drop log=True",
    ),
    "log from below 0": (
        lambda: Space(lr=Float(-1, 1e-4, log=True)),
        "Float(low=...)", "'lr'", "low=-1.0", "a low such as 1e-07",
    ),
    "log below 0": (
        lambda: Space(lr=Float(-2, -1, log=True)),
        "Float(low=...)", "'lr'", "low=-2.0, high=-1.0", "drop log=True",
    ),
    "log int from 0": (
        lambda: Space(n=Int(0, 8, log=True)),
        "Int(low=...)", "'n'", "low=0", "a low such as 1, or drop log=True",
    ),
    "log int from too low for its step": (
        lambda: Space(n=Int(1, 9, log=True, step=2)),
        "Int(low=...)", "'n'", "low=1, step=2", "a low above 1, a smaller step",
    ),
    "log with step": (
        lambda: Space(lr=Float(0.1, 1, log=True, step=0.1)),
        "Float(step=...)", "'lr'", "step=0.1", "drop one of the two",
    ),
    # steps
    "step that does not divide": (
        lambda: Space(d=Float(0, 1, step=0.3)),
        "Float(step=...)", "'d'", "step=0.3", "high=0.9 or high=1.2",
    ),
    "int step that does not divide": (
        lambda: Space(n=Int(1, 10, step=4)), "Int(step=...)", "'n'", "step=4", "high=9 or high=13",
    ),
    "step beyond the range": (
        lambda: Space(n=Int(1, 10, step=20)), "Int(step=...)", "'n'", "step=20", "high=21",
    ),
    "step 0": (
        lambda: Space(n=Int(1, 10, step=0)), "Int(step=...)", "'n'", "step=0", "distance",
    ),
    "negative step": (
        lambda: Space(d=Float(0, 1, step=-0.1)), "Float(step=...)", "'d'", "step=-0.1", "distance",
    ),
    "nan step": (
        lambda: Space(d=Float(0, 1, step=NAN)), "Float(step=...)", "'d'", "got nan", "finite",
    ),
    "bool step": (
        lambda: Space(n=Int(0, 4, step=True)), "Int(step=...)", "'n'", "got True", "Bool()",
    ),
    "step below float32": (
        lambda: Space(x=Float(1e6, 1e6 + 1, step=0.01)),
        "Float(step=...)", "'x'", "step=0.01", "widen the step",
    ),
    # flags
    "log as a number": (
        lambda: Space(x=Float(0, 1, log=1)),  # type: ignore[arg-type]
        "Float(log=...)", "'x'", "got 1", "log=True or log=False",
    ),
    "ordered as a string": (
        lambda: Space(x=Choice([1, 2], ordered="yes")),  # type: ignore[arg-type]
        "Choice(ordered=...)", "'x'", "got 'yes'", "ordered=True or",
    ),
    "unknown natural bound": (
        lambda: Space(x=Float(0, 1, natural="lower")),  # type: ignore[arg-type]
        "Float(natural=...)", "'x'", "got 'lower'", "'neither', 'low', 'high', 'both'",
    ),
    "continuous static": (
        lambda: Space(x=Float(0, 1, static=True)),
        "Float(static=...)", "'x'", "static=True", "give it a step",
    ),
    "static=None": (
        lambda: Space(x=Int(0, 1, static=None)),  # type: ignore[arg-type]
        "Int(static=...)", "'x'", "got None", "static=True or static=False",
    ),
    # choices
    "no choices": (
        lambda: Space(c=Choice([])), "Choice(choices=...)", "'c'", "got []", "drop the parameter",
    ),
    "duplicates": (
        lambda: Space(c=Choice(["a", "b", "a"])),
        "Choice(choices=...)", "'c'", "'a' and 'a'", "drop one",
    ),
    "equal numbers": (
        lambda: Space(c=Choice([1, 2, 1.0])), "Choice(choices=...)", "'c'", "1 and 1.0", "drop one",
    ),
    "equal in Python": (
        lambda: Space(c=Choice([1, "x", True])),
        "Choice(choices=...)", "'c'", "1 and True", "drop or rename one",
    ),
    "a string of choices": (
        lambda: Space(c=Choice("adam")), "Choice(choices=...)", "'c'", "'adam'", "write a list",
    ),
    "a set of choices": (
        lambda: Space(c=Choice({1})), "Choice(choices=...)", "'c'", "{1}", "write a list",
    ),
    "a number of choices": (
        lambda: Space(c=Choice(3)),  # type: ignore[arg-type]
        "Choice(choices=...)", "'c'", "got 3", "write a list",
    ),
    "a list as a choice": (
        lambda: Space(c=Choice([[64], [64, 64]])),
        "Choice(choices=...)", "'c'", "got [64]", "write a tuple",
    ),
    "a list in a tuple": (
        lambda: Space(c=Choice([(1, [2])])),
        "Choice(choices=...)", "'c'", "got (1, [2])", "write a tuple",
    ),
    "nan choice": (
        lambda: Space(c=Choice([1.0, NAN])),
        "Choice(choices=...)", "'c'", "got nan", "finite number, or None",
    ),
    "infinity deep in a choice": (
        lambda: Space(c=Choice([(1, (2.0, INF))])),
        "Choice(choices=...)", "'c'", "(1, (2.0, inf))", "finite number",
    ),
    "strings traced": (
        lambda: Space(c=Choice(["a", "b"], static=False)),
        "Choice(choices=...)", "'c'", "['a', 'b']", "drop static=False",
    ),
    "choices beyond int32": (
        lambda: Space(c=Choice([1, 2**31])),
        "Choice(choices=...)", "'c'", str(2**31), "static=True",
    ),
    "choices that float32 can't tell apart": (
        lambda: Space(c=Choice([0.1, 0.1 + 1e-12])),
        "Choice(choices=...)", "'c'", "0.100000000001", "static=True",
    ),
    "more choices than a grid": (
        lambda: Space(c=Choice(range(2000))),
        "Choice(choices=...)", "'c'", "2000 values", "Int(0, n - 1)",
    ),
    # constants and names
    "a list as a constant": (
        lambda: Space(c=[16, 32], x=Bool()),
        "Constant(value=...)", "'c'", "[16, 32]", "Choice([...])",
    ),
    "a domain not called": (
        lambda: Space(b=Bool), "Constant(value=...)", "'b'", "got Bool", "call it: Bool(...)",
    ),
    "nan constant": (
        lambda: Space(x=Bool(), c=Constant(NAN)),
        "Constant(value=...)", "'c'", "got nan", "finite number",
    ),
    "a name twice": (
        lambda: Space({"lr": Float(0, 1)}, lr=Float(0, 2)),
        "Space(...)", "'lr'", "both in the mapping and as an argument", "drop one",
    ),
    "a name that is no string": (
        lambda: Space({1: Float(0, 1)}),  # type: ignore[dict-item]
        "Space(...)", "1", "strings", "rename it",
    ),
    "an empty name": (lambda: Space({"": Bool()}), "Space(...)", "''", "strings", "rename it"),
    "a name with spaces": (
        lambda: Space({" lr": Bool()}), "Space(...)", "' lr'", "spaces", "rename it",
    ),
    "a name over two lines": (
        lambda: Space({"l\nr": Bool()}), "Space(...)", "'l\\nr'", "printable", "rename it",
    ),
    "nothing": (lambda: Space(), "Space(...)", "no parameters", "search", "add a Float"),
    "nothing but constants": (
        lambda: Space(lr=0.1, k=2), "Space(...)", "lr, k", "only constants", "add a Float",
    ),
    "no mapping": (
        lambda: Space([Float(0, 1)]),  # type: ignore[arg-type]
        "Space(parameters=...)", "map names", "[Float(", "Space({",
    ),
    # conditions
    "when is no mapping": (
        lambda: Space(a=Bool(), b=Bool(when="a")),  # type: ignore[arg-type]
        "Bool(when=...)", "'b'", "got 'a'", "when={'parent': value}",
    ),
    "unknown parent": (
        lambda: Space(a=Bool(), b=Bool(when={"c": 1})),
        "Bool(when=...)", "'b'", "got 'c'", "the space has: 'a', 'b'",
    ),
    "a value that a choice can't take": (
        lambda: Space(o=Choice(["adam", "sgd"]), m=Float(0, 1, when={"o": ["sgd", "lion"]})),
        "Float(when=...)", "'m'", "'o': 'lion'", "one of 'adam', 'sgd'",
    ),
    "a value that an int can't take": (
        lambda: Space(n=Int(1, 3), m=Bool(when={"n": 4})),
        "Bool(when=...)", "'m'", "'n': 4", "from 1 to 3",
    ),
    "a value between the steps": (
        lambda: Space(d=Float(0, 1, step=0.5), m=Bool(when={"d": 0.3})),
        "Bool(when=...)", "'m'", "'d': 0.3", "in steps of 0.5",
    ),
    "1 for True": (
        lambda: Space(a=Bool(), m=Bool(when={"a": 1})),
        "Bool(when=...)", "'m'", "'a': 1", "one of False, True",
    ),
    "a tuple for several": (
        lambda: Space(n=Int(1, 3), m=Bool(when={"n": (1, 2)})),
        "Bool(when=...)", "'m'", "'n': (1, 2)", "a list names several, [1, 2]",
    ),
    "a list for a tuple": (
        lambda: Space(w=Choice([(1, 2), (3,)]), m=Bool(when={"w": [1, 2]})),
        "Bool(when=...)", "'m'", "'w': 1", "write [(1, 2)]",
    ),
    "no value": (
        lambda: Space(n=Int(1, 3), m=Bool(when={"n": []})),
        "Bool(when=...)", "'m'", "got []", "drop the condition",
    ),
    "another value than the constant": (
        lambda: Space(o="adam", m=Float(0, 1, when={"o": "sgd"})),
        "Float(when=...)", "'m'", "got 'sgd'", "the constant 'adam'",
    ),
    "a continuous parent": (
        lambda: Space(x=Float(0, 1), m=Bool(when={"x": 0.5})),
        "Bool(when=...)", "'m'", "'x', a continuous Float", "step",
    ),
    "a parent with too many levels": (
        lambda: Space(n=Int(0, 5000), m=Bool(when={"n": 1})),
        "Bool(when=...)", "'m'", "'n', 5001 values", "step",
    ),
    "itself": (
        lambda: Space(a=Bool(when={"a": True})), "Bool(when=...)", "'a'", "a -> a", "drop one",
    ),
    "a circle": (
        lambda: Space(
            z=Bool(when={"a": True}), a=Bool(when={"b": True}), b=Bool(when={"c": True}),
            c=Bool(when={"a": True}),
        ),
        "Bool(when=...)", "'a'", "a -> b -> c -> a", "drop one",
    ),
    "conditions that exclude each other": (
        lambda: Space(a=Bool(), b=Bool(when={"a": True}), c=Bool(when={"b": True, "a": False})),
        "Bool(when=...)", "'c'", "{'b': [True], 'a': [False]}", "loosen one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_space_is_refused(case: str):
    build, *parts = BAD[case]
    with pytest.raises(SpaceError) as caught:
        build()
    for part in parts:
        assert part in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_the_whole_message_reads_as_a_call():
    with pytest.raises(SpaceError) as caught:
        Space(lr=Float(0.1, 0.01))
    assert str(caught.value) == (
        "Float(low=...) of 'lr' must be below high, got low=0.1, high=0.01; swap them"
    )


def test_what_is_allowed_at_the_border():
    assert Space(n=Int(0, 2**24 - 2)).size == 2**24 - 1
    assert Space(n=Int(2, 10, log=True, step=2)).size == 5
    assert Space(n=Int(2**40, 2**40 + 8, static=True)).size == 9
    assert Space(c=Choice([2**40, 1], static=True)).size == 2
    assert Space(c=Choice(["only"])).size == 1
    assert Space(c=Choice([0, "0", None, (), ""])).size == 5
    once = Choice(iter([1, 2]))
    assert Space(c=once).size == Space(c=once).size == 2
    assert Space(x=Float(1e-37, 1e38, log=True)).size is None
