"""Get a release from the cache, else from the official archive, else from a wheel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from cfplug import Context
from cfplug.errors import DownloadError
from cfplug_movielens import cache, transfer, wheel
from cfplug_movielens.releases import Release


@frozen
class Mirror:
    """A place to get a release from, and the function that brings it or raises DownloadError."""

    name: str
    fetch: Callable[[Release, Context], Path]


def obtain(release: Release, context: Context) -> Path:
    """Return the archive (or wheel) of `release` in the cache, with its hash checked.

    Every step is reported with `context.say`.

    Raises:
        DownloadError: No mirror has it; the message lists each with its reason, and what to do.
    """
    if not release.url:
        raise DownloadError(
            f"{release.name}: its makers no longer offer it. If you have the archive or a folder "
            f"of its files, set path: {release.file}"
        )
    found = _cached(release, context)
    if found:
        return found
    context.say(f"{release.name}: not in the cache ({cache.cache_folder()})")
    failures = [f"cache: nothing in {cache.cache_folder()}"]
    try:
        with cache.locked(context.say):
            found = _cached(release, context) or _fetched(release, context, failures)
    except OSError as error:
        failures.append(f"cache: {_reason(error)}")
    if found is None:
        raise DownloadError(_failure(release, failures))
    return found


def _cached(release: Release, context: Context) -> Path | None:
    known = [(release.file, release.hash)]
    if release.wheel:
        known.append((release.wheel.file, release.wheel.hash))
    for file, known_hash in known:
        found = cache.find(file, known_hash, context.say)
        if found:
            context.say(f"{release.name}: from the cache, {found}")
            return found
    return None


def _fetched(release: Release, context: Context, failures: list[str]) -> Path | None:
    """Return what the first mirror that works gives; add the reasons of others to `failures`."""
    for mirror in _mirrors(release):
        context.say(f"{release.name}: trying the {mirror.name}")
        try:
            path = mirror.fetch(release, context)
        except (DownloadError, OSError) as error:
            reason = _reason(error)
            failures.append(f"{mirror.name}: {reason}")
            context.say(f"{release.name}: that failed: {reason}")
        else:
            context.say(f"{release.name}: got it, with the right hash; kept as {path}")
            return path
    return None


def _mirrors(release: Release) -> Iterator[Mirror]:
    yield Mirror(f"official archive, {release.url}", _fetch_archive)
    if release.wheel:
        yield Mirror(f"wheel of {release.wheel.requirement}, by pip", _fetch_wheel)


def _fetch_archive(release: Release, context: Context) -> Path:
    target = cache.cache_folder() / release.file
    transfer.download(release, target, context)
    return target


def _fetch_wheel(release: Release, context: Context) -> Path:
    assert release.wheel is not None
    return wheel.fetch(release.wheel, context)


def _reason(error: DownloadError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or cache.cache_folder()}: {error.strerror or error}"
    return str(error)


def _failure(release: Release, failures: list[str]) -> str:
    lines = [f"{release.name}: the data could not be obtained"]
    lines += [f"  {failure}" for failure in failures]
    lines.append(
        "Connect to the network and run again (a broken download is resumed); or get "
        f"{release.url} on another machine and set path: {release.file} (an archive or a folder); "
        "or set CFPLUG_CACHE to a folder that can be written."
    )
    return "\n".join(lines)
