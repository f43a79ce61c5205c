"""The ways to a release, in order: the cache, the official archive, the wheel. Each is said aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from cfplug import Context
from cfplug.errors import DownloadError
from cfplug_movielens import cache, transfer, wheel
from cfplug_movielens.releases import Release


@frozen
class Way:
    """One way to a release: its name, and the function that goes it or raises DownloadError."""

    name: str
    go: Callable[[Release, Context], Path]


def obtain(release: Release, context: Context) -> Path:
    """The archive (or wheel) of `release` in the cache, with its hash checked.

    DownloadError lists every way with its reason, and what to do.
    """
    if not release.url:
        raise DownloadError(
            f"{release.name}: its makers no longer offer it; if you have the archive or a folder of its files, "
            f"say where: path: {release.file}"
        )
    found = _cached(release, context)
    if found:
        return found
    context.say(f"{release.name}: not in the cache ({cache.cache_folder()})")
    failures = [f"cache: nothing in {cache.cache_folder()}"]
    try:
        with cache.alone(context.say):
            found = _cached(release, context) or _fetched(release, context, failures)
    except OSError as error:
        failures.append(f"cache: {_words(error)}")
    if found is None:
        raise DownloadError(_no_way(release, failures))
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
    """What the first way that works brings; the reasons of those that do not go to `failures`."""
    for way in _ways(release):
        context.say(f"{release.name}: trying the {way.name}")
        try:
            path = way.go(release, context)
        except (DownloadError, OSError) as error:
            reason = _words(error)
            failures.append(f"{way.name}: {reason}")
            context.say(f"{release.name}: that failed: {reason}")
        else:
            context.say(f"{release.name}: got it, with the right hash; kept as {path}")
            return path
    return None


def _ways(release: Release) -> Iterator[Way]:
    yield Way(f"official archive, {release.url}", _official)
    if release.wheel:
        yield Way(f"wheel of {release.wheel.requirement}, by pip", _wheel)


def _official(release: Release, context: Context) -> Path:
    target = cache.cache_folder() / release.file
    transfer.download(release, target, context)
    return target


def _wheel(release: Release, context: Context) -> Path:
    assert release.wheel is not None
    return wheel.fetch(release.wheel, context)


def _words(error: DownloadError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or cache.cache_folder()}: {error.strerror or error}"
    return str(error)


def _no_way(release: Release, failures: list[str]) -> str:
    lines = [f"{release.name}: no way led to the data", *(f"  {failure}" for failure in failures)]
    lines.append(
        "Connect to the network and run it again (a broken download goes on where it stopped); "
        f"or get {release.url} on another machine and say where it is: path: {release.file}, an archive "
        "or a folder; or name a folder that can be written in the variable CFPLUG_CACHE"
    )
    return "\n".join(lines)
