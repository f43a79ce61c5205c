"""Files by name out of a zip archive or a folder. Nothing is unpacked, so nothing can land elsewhere."""

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
"""What zipfile raises on an archive that is not whole."""

_ADVICE = "nothing was read. Take the archive as it was published"


@frozen
class Member:
    """One file with its bytes, and the place that messages name."""

    place: str
    data: bytes


@frozen
class Archive:
    """Files that can be read by name. `path` is the zip archive or folder, `fetch` gives a file's bytes."""

    path: Path
    names: tuple[str, ...]
    fetch: Callable[[str], bytes]
    root: str = ""

    def find(self, file: str) -> Archive | None:
        """The archive seen from the folder that holds `file`, the one nearest the top, or None."""
        found = sorted(
            (name.count("/"), name) for name in self.names if PurePosixPath(name).name == file
        )
        if not found:
            return None
        depth, first = found[0]
        twins = [name for level, name in found if level == depth]
        if len(twins) > 1:
            raise DataError(
                f"{self.path}: holds both {twins[0]} and {twins[1]}; give the folder of one of them"
            )
        return Archive(self.path, self.names, self.fetch, first.removesuffix(file))

    def has(self, file: str) -> bool:
        return self.root + file in self.names

    def read(self, file: str) -> Member:
        """`file` beside the one that `find` looked for; DataError with the nearest name if it is missing."""
        name = self.root + file
        if name not in self.names:
            raise DataError(f"{self.path}: no {name} in it{did_you_mean(name, self.names)}")
        return Member(f"{self.path}/{name}", self.fetch(name))


def open_archive(path: Path, limit: int) -> Archive:
    """The zip archive or folder at `path`, checked before a byte of it is unpacked.

    DataError if it is not there, is damaged, holds more than `limit` bytes, or names a file outside
    itself."""
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
        raise DataError(
            f"{path}: not a whole zip archive; it was cut off or is something else, get it again ({error})"
        ) from error
    names = _names(path, infos, limit)
    return Archive(path, tuple(names), lambda name: _unpacked(path, names[name]))


def _names(path: Path, infos: Sequence[zipfile.ZipInfo], limit: int) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by name, or DataError: one bad entry means that somebody meddled with it."""
    for info in infos:
        why = unsafe(info.orig_filename) or _unreadable(info)
        if why:
            raise DataError(f"{path}: {info.orig_filename!r} {why}; {_ADVICE}")
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise DataError(
            f"{path}: unpacks to {total / 1e6:,.0f} MB where {limit / 1e6:,.0f} MB are the most that these "
            f"data can need; {_ADVICE}"
        )
    files = [info for info in infos if not info.is_dir()]
    name, count = Counter(_plain(info) for info in files).most_common(1)[0] if files else ("", 0)
    if count > 1:
        raise DataError(f"{path}: holds {count} files called {name}; {_ADVICE}")
    return {_plain(info): info for info in files}


def unsafe(name: str) -> str | None:
    """Why a file of this name could land outside the folder it is unpacked into, or None."""
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
    """The name with slashes as the format wants them; some programs on Windows write backslashes."""
    return info.orig_filename.replace("\\", "/")


def _unpacked(path: Path, info: zipfile.ZipInfo) -> bytes:
    """The bytes of one file, whose CRC zipfile checks.

    They are asked for by number: without one zipfile unpacks up to 2 GB at once, whatever size the
    archive states.
    """
    try:
        with _readable(path), zipfile.ZipFile(path) as archive, archive.open(info) as file:
            return file.read(info.file_size + 1)
    except _DAMAGE as error:
        raise DataError(
            f"{path}/{_plain(info)}: damaged, get the archive again ({error})"
        ) from error


def _open_folder(path: Path, limit: int) -> Archive:
    """The files of a folder and of the folders in it, but no deeper: it may be somebody's home."""
    files = [each for pattern in ("*", "*/*") for each in path.glob(pattern) if each.is_file()]
    names = tuple(sorted(each.relative_to(path).as_posix() for each in files))
    return Archive(path, names, lambda name: _contents(path / name, limit))


def _contents(file: Path, limit: int) -> bytes:
    with _readable(file):
        size = file.stat().st_size
        content = file.read_bytes() if size <= limit else b""
    if size > limit:
        raise DataError(
            f"{file}: has {size / 1e6:,.0f} MB where {limit / 1e6:,.0f} MB are the most that these data can need"
        )
    return content
