"""Files are written whole or not at all, and a folder has one writer at a time."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that becomes ``path`` when the block ends without error.

    It has the rights of any new file there, whatever its writer gave it.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = _rights_of_new(temporary)
        yield temporary
        if temporary.stat().st_mode != mode:
            temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(temporary)


def require_writable(path: Path) -> None:
    """Raise now what `whole` would raise for ``path`` once the work is done."""
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(temporary)


def _rights_of_new(path: Path) -> int:
    """What a new file at ``path`` may be used for; some writers keep theirs to its owner."""
    path.touch()
    mode = path.stat().st_mode
    path.unlink()
    return mode


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # where it could not be made, it cannot be looked for either
        temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> Exception:
    """The error a user should see for a failed write; other errors are handed back unchanged."""
    denied = ("permission is denied", "Name a folder that you can write to")
    no_folder = ("a part of its path is a file", "Name another folder")
    full = "Free some space and run the same command again"
    reasons = {
        errno.ENOSPC: ("the disk is full", full),
        errno.EDQUOT: ("your share of the disk is full", full),
        errno.EROFS: ("the disk is read-only", "Name a folder that can be written"),
        errno.EACCES: denied,
        errno.EPERM: denied,
        errno.ENOTDIR: no_folder,
        errno.EEXIST: no_folder,
        errno.EISDIR: ("it is a folder", "Name a file"),
        errno.ENAMETOOLONG: ("its name is too long", "Name a shorter one"),
    }
    if error.errno not in reasons:
        return error
    what, remedy = reasons[error.errno]
    return DataError(f"{path} was not written: {what}. {remedy}; what was finished is kept.")


def cannot_read(path: Path, error: OSError) -> Exception:
    """The error a user should see for a file or folder that may not be read; see `cannot_write`."""
    denied = ("permission is denied", "Ask its owner for the right to read it")
    reasons = {
        errno.EACCES: denied,
        errno.EPERM: denied,
        errno.ENAMETOOLONG: ("its name is too long", "Check the path"),
    }
    if error.errno not in reasons:
        return error
    what, remedy = reasons[error.errno]
    return DataError(f"{path} cannot be read: {what}. {remedy}.")


def cannot_use(error: OSError) -> Exception:
    """The same of a file that was to be read or written, whichever it was."""
    path = Path(error.filename or "A file")
    if isinstance(cannot_read(path, error), OSError):
        return cannot_write(path, error)
    what = "its name is too long" if error.errno == errno.ENAMETOOLONG else "permission is denied"
    return DataError(
        f"{path} cannot be used: {what}. Name another, or ask its owner for the right."
    )


def require_readable(path: Path) -> None:
    """Raise DataError where a file that exists may not be read: that does not mean damaged."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise cannot_read(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DataError: the file is damaged, or may not be read.
    """
    require_readable(path)
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DataError(
            f"{path} is damaged: it is not readable as JSON ({error}). "
            "Delete it; it is made again when needed."
        ) from error


@contextmanager
def only_one(path: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock file ``path`` for the block; the lock goes with the process, however it ends.

    Raises:
        DataError: another process holds it and ``wait`` is False.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise cannot_write(path, error) from error
    with opened as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise DataError(
                f"{what} is being worked on by another process (number {owner}). "
                "Wait for it, or stop it, then run the same command again."
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
