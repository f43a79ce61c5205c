"""Read files by name from a zip archive or a folder, without unpacking anything to disk."""

from __future__ import annotations

import contextlib
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from attrs import frozen

from cfplug import DataError
from cfplug.errors import did_you_mean

_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)
"""What zipfile raises on a damaged archive."""

_ADVICE = "nothing was read. Get the published archive."


@frozen
class Member:
    """One file: its bytes, and its place for messages."""

    place: str
    data: bytes


@frozen
class Archive:
    """The files of the zip archive or folder `path`; `fetch` returns the bytes of one."""

    path: Path
    names: tuple[str, ...]
    fetch: Callable[[str], bytes]
    root: str = ""

    def find(self, file: str) -> Archive | None:
        """Return the archive rooted at the topmost folder with `file`, or None without it."""
        found = sorted(
            (name.count("/"), name) for name in self.names if PurePosixPath(name).name == file
        )
        if not found:
            return None
        depth, first = found[0]
        twins = [name for level, name in found if level == depth]
        if len(twins) > 1:
            raise DataError(
                f"{self.path}: has both {twins[0]} and {twins[1]}. Give the folder of one of them."
            )
        return Archive(self.path, self.names, self.fetch, first.removesuffix(file))

    def has(self, file: str) -> bool:
        """Return whether `file` is in the root folder."""
        return self.root + file in self.names

    def read(self, file: str) -> Member:
        """Return `file` of the root folder.

        Raises:
            DataError: It is missing; the message has the nearest name.
        """
        name = self.root + file
        if name not in self.names:
            raise DataError(f"{self.path}: no {name} in it{did_you_mean(name, self.names)}")
        return Member(f"{self.path}/{name}", self.fetch(name))


def open_archive(path: Path, limit: int) -> Archive:
    """Open the zip archive or folder at `path`, and check it before anything is unpacked.

    Raises:
        DataError: It is missing or damaged, unpacks to more than `limit` bytes, or has an entry
            outside itself.
    """
    with _readable(path):
        if path.is_dir():
            return _open_folder(path, limit)
        if path.is_file():
            return _open_zip(path, limit)
        siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(f"{path}: no such archive or folder{did_you_mean(path.name, siblings)}")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _open_zip(path: Path, limit: int) -> Archive:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except _DAMAGE as error:
        raise DataError(f"{path}: not a complete zip archive ({error}). Get it again.") from error
    names = _names(path, infos, limit)
    return Archive(path, tuple(names), lambda name: _unpacked(path, names[name]))


def _names(path: Path, infos: Sequence[zipfile.ZipInfo], limit: int) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by name; a single bad entry is a DataError."""
    for info in infos:
        why = unsafe(info.orig_filename) or _unreadable(info)
        if why:
            raise DataError(f"{path}: {info.orig_filename!r} {why}; {_ADVICE}")
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise DataError(
            f"{path}: expected at most {limit / 1e6:,.0f} MB when unpacked, got "
            f"{total / 1e6:,.0f} MB; {_ADVICE}"
        )
    files = [info for info in infos if not info.is_dir()]
    name, count = Counter(_plain(info) for info in files).most_common(1)[0] if files else ("", 0)
    if count > 1:
        raise DataError(f"{path}: has {count} files called {name}; {_ADVICE}")
    return {_plain(info): info for info in files}


def unsafe(name: str) -> str | None:
    """Return why a file of this name could be unpacked outside its folder, or None."""
    if (
        PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).drive
        or PureWindowsPath(name).root
    ):
        return "is an absolute path"
    if ".." in PureWindowsPath(name).parts:
        return "leads out of the archive"
    return "has a zero byte in its name" if "\0" in name else None


def _unreadable(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is neither stored nor deflated"
    return "is encrypted" if info.flag_bits & 1 else None


def _plain(info: zipfile.ZipInfo) -> str:
    """Return the name with slashes, where some programs on Windows write backslashes."""
    return info.orig_filename.replace("\\", "/")


def _unpacked(path: Path, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of one file, whose CRC zipfile checks.

    Reads with a size: without one zipfile unpacks up to 2 GB, whatever size the archive states.
    """
    try:
        with _readable(path), zipfile.ZipFile(path) as archive, archive.open(info) as file:
            return file.read(info.file_size + 1)
    except _DAMAGE as error:
        raise DataError(
            f"{path}/{_plain(info)}: damaged ({error}). Get the archive again."
        ) from error


def _open_folder(path: Path, limit: int) -> Archive:
    """Open a folder and its subfolders, but not deeper: it may be a home folder."""
    files = [each for pattern in ("*", "*/*") for each in path.glob(pattern) if each.is_file()]
    names = tuple(sorted(each.relative_to(path).as_posix() for each in files))
    return Archive(path, names, lambda name: _contents(path / name, limit))


def _contents(file: Path, limit: int) -> bytes:
    with _readable(file):
        size = file.stat().st_size
        content = file.read_bytes() if size <= limit else b""
    if size > limit:
        raise DataError(f"{file}: expected at most {limit / 1e6:,.0f} MB, got {size / 1e6:,.0f} MB")
    return content
