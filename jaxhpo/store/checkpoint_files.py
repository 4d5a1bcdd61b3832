"""One checkpoint as a directory: written under another name first, read only if it is whole.

``state`` holds the bits of all arrays, written by Orbax; ``tree.json`` what they are;
``checkpoint.json`` whose checkpoint it is, with a checksum of every other file and, in its first
line, its own. Nothing is taken from a file that fails its checksum.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxhpo.store import codec, packed

FORMAT = 1
_INFO, _TREE, _STATE = "checkpoint.json", "tree.json", "state"
_CHUNK = 1 << 26  # bytes of the state that are written in one piece


class Unusable(Exception):
    """Why a checkpoint can't be taken. `foreign`: it is not damaged, but not ours."""

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.foreign = foreign


def begin(path: Path, identity: str, step: int, content: packed.Packed) -> Callable[[], None]:
    """Begins to make the checkpoint `path`, which must not be there yet.

    What begins is to be begun in one thread at a time (as Orbax wants all its work to be); the rest
    may be done in another.

    Returns:
        A function that returns when the checkpoint is there. If it fails, nothing of it is.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.mkdir()
        written = _begin_state(part / _STATE, content.block)
    except BaseException:
        remove(part)
        raise
    return functools.partial(_finish, path, part, identity, step, content, written)


def _finish(
    path: Path,
    part: Path,
    identity: str,
    step: int,
    content: packed.Packed,
    written: Callable[[], None],
) -> None:
    try:
        written()
        _write_file(part / _TREE, content.description.encode())
        info = {
            "format": FORMAT,
            "identity": identity,
            "step": step,
            "saved": time.time(),
            "digest": packed.digest_of(content),
            "files": {str(f.relative_to(part)): _checksum(f) for f in _files(part)},
        }
        text = codec.dumps(info, indent=1).encode()
        _write_file(part / _INFO, hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        os.rename(part, path)
    except BaseException:
        remove(part)
        raise
    _sync(path.parent)


def read(path: Path, identity: str | None) -> tuple[int, Any]:
    """The step and the tree of a checkpoint.

    Raises:
        Unusable: if it is damaged, of another version, or of another study than `identity` (None:
            of any).
    """
    info = about(path)
    if info.get("format") != FORMAT:
        reason = f"it has format {info.get('format')!r}, this jaxhpo knows {FORMAT}"
        raise Unusable(reason, foreign=True)
    if identity is not None and info["identity"] != identity:
        reason = f"it is of another study ({info['identity']}; this one is {identity})"
        raise Unusable(reason, foreign=True)
    try:
        for name, checksum in info["files"].items():
            if _checksum(path / name) != checksum:
                raise Unusable(f"{name} is damaged")
        content = packed.Packed((path / _TREE).read_text("ascii"), _read_state(path / _STATE))
        if packed.digest_of(content) != info["digest"]:
            raise Unusable("its content is not what was saved")
        return info["step"], packed.unpacked(content)
    except (Unusable, MemoryError):
        raise
    except OSError as error:
        name = os.path.relpath(error.filename, path) if error.filename else "a file"
        raise Unusable(f"{name} can't be read: {error.strerror or error}") from error
    except Exception as error:  # of Orbax, which names no kinds
        raise Unusable(f"it can't be read: {error}") from error


def about(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself: format, identity, step, saved, digest, files.

    Raises:
        Unusable: if that is damaged.
    """
    try:
        checksum, _, text = (path / _INFO).read_bytes().partition(b"\n")
    except OSError as error:
        raise Unusable(f"{_INFO} can't be read: {error.strerror or error}") from error
    if hashlib.sha256(text).hexdigest().encode() != checksum:
        raise Unusable(f"{_INFO} is damaged")
    return codec.loads(text.decode())


def remove(path: Path) -> None:
    """Removes what it can of a file or directory, which loses its name first."""
    with contextlib.suppress(OSError):
        if not path.name.startswith("."):
            gone = path.with_name(f".{path.name}.old")
            os.rename(path, gone)
            path = gone
        if not path.is_dir():
            path.unlink()
    shutil.rmtree(path, ignore_errors=True)


# -- Orbax -----------------------------------------------------------------------------------------


def _begin_state(path: Path, block: np.ndarray) -> Callable[[], None]:
    """Begins to write; the function that is returned waits for the end."""
    from orbax.checkpoint import v1 as ocp

    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        with _settings(ocp):
            response = ocp.save_async(str(path), {"block": block})
        quiet = stack.pop_all()

    def written() -> None:
        with quiet:
            response.result()

    return written


def _read_state(path: Path) -> np.ndarray:
    from orbax.checkpoint import v1 as ocp

    with _quiet(), _settings(ocp):
        return np.asarray(ocp.load(str(path))["block"])


def _settings(ocp: Any) -> Any:
    context = ocp.Context()
    # Made in the background, they are confused with those of whatever Orbax is told to do next.
    context.async_options.create_directories_asynchronously = False
    context.array.saving.use_compression = False  # weights don't get smaller
    context.array.saving.storage_options.chunk_byte_size = _CHUNK
    return context


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Orbax's telling of every step that it takes; of errors we tell ourselves."""
    from orbax import checkpoint

    logger, home = logging.getLogger("absl"), os.path.dirname(checkpoint.__file__)

    def heard(record: logging.LogRecord) -> bool:
        return not record.pathname.startswith(home)

    logger.addFilter(heard)
    try:
        yield
    finally:
        logger.removeFilter(heard)


# -- files -----------------------------------------------------------------------------------------


def _write_file(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """So that the new name survives a loss of power, where a file system can promise that."""
    with contextlib.suppress(OSError):
        number = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
