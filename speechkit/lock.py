"""Locks that go with their process, however it ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Literal, overload


@overload
def lock(path: Path, *, wait: Literal[True] = True) -> IO[str]: ...
@overload
def lock(path: Path, *, wait: bool) -> IO[str] | None: ...
def lock(path: Path, *, wait: bool = True) -> IO[str] | None:
    """Open a file and hold it for this process until it is closed; None where another holds it and `wait` is off.

    It holds over threads and processes. Raises OSError where the file cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with lock(Path(folder) / "a"):
    ...         print(lock(Path(folder) / "a", wait=False))
    None
    """
    file = path.open("a")
    try:
        if os.name == "nt":
            import msvcrt

            mode = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK  # type: ignore[attr-defined,unused-ignore]
            msvcrt.locking(file.fileno(), mode, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        file.close()
        if wait:
            raise
        return None
    except BaseException:  # Ctrl-C while it waits
        file.close()
        raise
    return file
