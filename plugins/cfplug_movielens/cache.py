"""Keep downloads in a folder, and trust nothing in it before its hash is checked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import platformdirs

from cfplug.errors import DownloadError


def cache_folder() -> Path:
    """Return the folder for archives, in `CFPLUG_CACHE` or else in the user's cache folder."""
    root = os.environ.get("CFPLUG_CACHE") or platformdirs.user_cache_dir("cfplug", appauthor=False)
    return Path(root).expanduser().absolute() / "movielens"


def is_known(file: Path, known: str) -> bool:
    """Return whether `file` has the hash `known`, written `algorithm:hex`."""
    algorithm, _, expected = known.partition(":")
    with file.open("rb") as content:
        return hashlib.file_digest(content, algorithm).hexdigest() == expected.lower()


def find(file: str, known: str, say: Callable[[str], None]) -> Path | None:
    """Return the cached `file` if it exists and has the hash `known`.

    A file with another hash is removed; `say` gets a message about it.
    """
    path = cache_folder() / file
    try:
        if not path.is_file():
            return None
        if is_known(path, known):
            return path
    except OSError as error:
        say(f"{path} cannot be read ({error.strerror or error})")
        return None
    with contextlib.suppress(OSError):  # in a read-only folder it stays, and is never used
        path.unlink()
    say(f"{path} differs from the published file (another hash), so it was removed")
    return None


def keep(file: Path, known: str) -> Path:
    """Put a complete copy of `file` into the cache.

    Raises:
        DownloadError: It does not have the hash `known`.
    """
    target = cache_folder() / file.name
    growing = target.with_name(f"{target.name}.tmp")
    try:
        shutil.copyfile(file, growing)
        if not is_known(growing, known):
            raise DownloadError(f"{file.name} has an unexpected hash; it was removed")
        os.replace(growing, target)
    finally:
        growing.unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def locked(say: Callable[[str], None]) -> Iterator[None]:
    """Create the cache folder and let one process at a time fill it."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        _take(lock, say)
        yield


def _take(lock: IO[bytes], say: Callable[[str], None]) -> None:
    if sys.platform == "win32":
        return  # Windows refuses to rename a file that another process has open, which is enough
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another process is filling the cache; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)
