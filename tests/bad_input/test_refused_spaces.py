"""Spaces that can't be searched (`tests/space/test_bad_spaces.py` has all of them)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jaxhpo import Choice, Float, Space, SpaceError
from tests.bad_input.rows import Bad, each_row, refused


def from_yaml(text: str) -> Callable[[Path], Space]:
    return lambda _: Space.from_yaml(text)


SPACES = {
    "bounds that are swapped": Bad(
        lambda _: Space(lr=Float(0.1, 0.01)), SpaceError, ["Float(low=...)", "'lr'", "swap them"]
    ),
    "logarithm of 0": Bad(
        lambda _: Space(lr=Float(0.0, 1.0, log=True)), SpaceError, ["'lr'", "low=0.0", "drop log"]
    ),
    "nothing to search": Bad(lambda _: Space(a=1), SpaceError, ["Space(...)", "add a Float"]),
    "condition on nothing": Bad(
        lambda _: Space(x=Float(0, 1, when={"kind": "a"})), SpaceError, ["'x'", "'kind'", "when"]
    ),
    "condition on a value that can't be": Bad(
        lambda _: Space(kind=Choice(["a", "b"]), x=Float(0, 1, when={"kind": "c"})),
        SpaceError,
        ["'x'", "'c'", "'a', 'b'"],
    ),
    "choice of nothing": Bad(lambda _: Space(k=Choice([])), SpaceError, ["Choice(", "'k'"]),
    "file with an unknown type": Bad(
        from_yaml("lr: {type: flaot, low: 0, high: 1}"), SpaceError, ["'lr'", "'flaot'", "float"]
    ),
    "file without a bound": Bad(
        from_yaml("lr: {type: float, low: 0}"), SpaceError, ["'lr'", "'high'", "add high:"]
    ),
    "file that is a list": Bad(from_yaml("- lr"), SpaceError, ["got", "lr"]),
}


@each_row(SPACES)
def test_a_space_refuses(bad, tmp_path):
    refused(bad, tmp_path)
