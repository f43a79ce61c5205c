"""Download one published file over HTTP, resumed where it broke off, and check its hash."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests

from cfplug import Context
from cfplug.errors import DownloadError
from cfplug_movielens.releases import Release

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 4
CHUNK_BYTES = 2**16

_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def download(release: Release, target: Path, context: Context) -> None:
    """Download the archive of `release` to `target`, complete and with its hash, or not at all.

    A broken transfer leaves its bytes next to `target` as `.part`; the next one resumes there.

    Raises:
        DownloadError: There is no such archive; the message says why.
        OSError: It cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    taken_up = part.exists()
    try:
        right = _retrieve(release, target, part, context)
        if not right and taken_up:
            context.say("the part of an earlier download was damaged; starting again")
            right = _retrieve(release, target, part, context)
    except requests.RequestException as error:
        raise DownloadError(_reason(error) + _kept(part, release.size)) from error
    if not right:
        raise DownloadError(
            "the downloaded file is not the published archive (another hash); it was removed"
        )


def _retrieve(release: Release, target: Path, part: Path, context: Context) -> bool:
    """Return whether the downloaded file has its hash; pooch removes it otherwise."""
    downloader = functools.partial(_transfer, release.size, part, context)
    with _quiet(pooch.get_logger()):
        try:
            pooch.retrieve(
                release.url, release.hash, target.name, target.parent, downloader=downloader
            )
        except requests.RequestException:  # some of these are ValueErrors too
            raise
        except ValueError:
            return False
    return True


@contextlib.contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """Keep pooch from repeating the messages of the context on the terminal."""
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def _transfer(
    size: int, part: Path, context: Context, url: str, output: str, _pooch: object
) -> None:
    """Download as pooch expects it, and retry as long as every attempt brings some bytes."""
    for left in reversed(range(ATTEMPTS)):
        before = _size_of(part)
        try:
            _resume(url, size, part, context)
            break
        except _BROKEN:
            if left == 0 or _size_of(part) <= before:
                raise
            context.say(
                f"the transfer broke off at {_size_of(part):,} of {size:,} bytes; resuming there"
            )
    os.replace(part, output)


def _resume(url: str, size: int, part: Path, context: Context) -> None:
    """Append the missing bytes of `url` to `part`."""
    start = _size_of(part)
    if start == size:
        return
    if start > size:
        part.unlink()
        start = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    timeout = (CONNECT_SECONDS, READ_SECONDS)
    with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        _check_length(answer, start if resumed else 0, size, part)
        _write(answer, part, resumed, size, context)
    if _size_of(part) < size:
        raise requests.ConnectionError(f"cut off at {_size_of(part):,} of {size:,} bytes")


def _check_length(answer: requests.Response, start: int, size: int, part: Path) -> None:
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and start + int(length) != size:
        part.unlink(missing_ok=True)
        raise DownloadError(
            f"the server has {start + int(length):,} bytes, the published archive {size:,}"
        )


def _write(
    answer: requests.Response, part: Path, resumed: bool, size: int, context: Context
) -> None:
    with part.open("ab" if resumed else "wb") as file:
        for chunk in answer.iter_content(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > size:
                part.unlink()
                raise DownloadError(
                    f"the server sent more than the {size:,} bytes of the published archive"
                )
            context.progress(file.tell() / size, f"{file.tell():,} of {size:,} bytes")


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _reason(error: requests.RequestException) -> str:
    """Return why there was no answer, from the innermost cause of what requests wraps."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS} seconds"
    if isinstance(error, requests.Timeout):
        return f"no answer within {READ_SECONDS} seconds"
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    return f"the connection failed ({getattr(cause, 'strerror', None) or cause})"


def _kept(part: Path, size: int) -> str:
    kept = _size_of(part)
    if not kept:
        return ""
    return f"; {kept:,} of {size:,} bytes are kept, and the next download resumes there"
