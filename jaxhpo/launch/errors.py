"""What can't be done from the command line, as a sentence instead of a traceback."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from contextlib import contextmanager


class Usage(Exception):
    """The command line can't be used; the text says why. `code` is the exit status."""

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def sentences(module: str = "jaxhpo") -> Iterator[None]:
    """Turns errors that were raised on purpose into `Usage`; all others keep their traceback.

    On purpose are the records' own errors and those of the file system, and a ValueError or
    ImportError that a ``raise`` in jaxhpo, or in the experiment's package, raised: one from
    another place is a mistake whose place somebody will want to see.

    Args:
        module: the experiment's package.

    Raises:
        Usage: with the error's own words; code 2, or 1 where the study was well but failed.
    """
    from jaxhpo.store import errors

    try:
        yield
    except BrokenPipeError:  # nobody reads any more, to whom a sentence could be said
        raise
    except errors.StudyWriteError as error:
        raise Usage(f"error: {error}", code=1) from error
    except (errors.StudyInUse, errors.StudyUnreadable, errors.StudyMismatch, OSError) as error:
        raise Usage(f"error: {error}") from error
    except (ValueError, ImportError) as error:
        if not _on_purpose(error, ("jaxhpo", module.partition(".")[0])):
            raise
        raise Usage(f"error: {error}") from error


def _on_purpose(error: BaseException, packages: tuple[str, ...]) -> bool:
    """Whether a ``raise`` statement of one of some packages raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    package = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    statement = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return package in packages and dis.opname[statement] == "RAISE_VARARGS"
