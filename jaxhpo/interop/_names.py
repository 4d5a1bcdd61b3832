"""Names from elsewhere as names that a search space takes."""

from __future__ import annotations

from collections.abc import Iterable


def cleaned(names: Iterable[str], notes: list[str]) -> dict[str, str]:
    """Every name to one that is printable, not empty and without spaces at its ends, all different.

    Names that need no change keep theirs. What is changed is added to `notes`.
    """
    names = list(names)
    found = {name: name for name in names if _good(name)}
    for name in names:
        if name in found:
            continue
        plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(name)).strip()
        plain = plain or "(no name)"
        while plain in found.values():
            plain += "_"
        found[name] = plain
        notes.append(f"the parameter called {name!r} is shown as {plain!r}")
    return {name: found[name] for name in names}


def _good(name: str) -> bool:
    return isinstance(name, str) and bool(name) and name == name.strip() and name.isprintable()
