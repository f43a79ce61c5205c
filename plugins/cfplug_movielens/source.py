"""Read a data set: get the archive, detect its layout, read it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from attrs import frozen

from cfplug import Context, DataError, Dataset
from cfplug.errors import did_you_mean
from cfplug_movielens import (
    MovieLens1M,
    MovieLens10M,
    MovieLens20M,
    MovieLens25M,
    MovieLens32M,
    MovieLens100K,
    MovieLensSmall,
    layout_100k,
    layout_csv,
    layout_dat,
    layout_recbole,
    releases,
)
from cfplug_movielens.archive import Archive, open_archive
from cfplug_movielens.download import obtain
from cfplug_movielens.releases import Release
from cfplug_movielens.titles import by_title


@frozen
class Layout:
    """A layout of a release: the file that identifies it, its reader, its ratings as bytes."""

    marker: str
    read: Callable[[Archive, str], Dataset]
    ratings_bytes: Callable[[Archive], bytes] | None = None


LAYOUTS_100K = tuple(
    Layout(each.MARKER, each.read, each.ratings_bytes) for each in (layout_100k, layout_recbole)
)
LAYOUT_1M = Layout(layout_dat.MARKER, layout_dat.read_1m)
LAYOUT_10M = Layout(layout_dat.MARKER, layout_dat.read_10m)
LAYOUT_CSV = Layout(layout_csv.MARKER, layout_csv.read, layout_csv.ratings_bytes)


def read_100k(params: MovieLens100K, context: Context) -> Dataset:
    """Return MovieLens 100K.

    Raises:
        DataError: The archive or folder at `path` cannot be read.
        DownloadError: There is no `path`, and the archive cannot be obtained.
    """
    dataset = read_release(releases.ML_100K, LAYOUTS_100K, params.path, context)
    return by_title(dataset) if params.items == "title" else dataset


def read_small(params: MovieLensSmall, context: Context) -> Dataset:
    """Return one of the small sets; raise as `read_100k` does."""
    release = releases.ML_SMALL_2016 if params.edition == 2016 else releases.ML_SMALL_2018
    return read_release(release, [LAYOUT_CSV], params.path, context)


def read_1m(params: MovieLens1M, context: Context) -> Dataset:
    """Return MovieLens 1M; raise as `read_100k` does."""
    return read_release(releases.ML_1M, [LAYOUT_1M], params.path, context)


def read_10m(params: MovieLens10M, context: Context) -> Dataset:
    """Return MovieLens 10M; raise as `read_100k` does."""
    return read_release(releases.ML_10M, [LAYOUT_10M], params.path, context)


def read_20m(params: MovieLens20M, context: Context) -> Dataset:
    """Return MovieLens 20M; raise as `read_100k` does."""
    return read_release(releases.ML_20M, [_with_genome(params)], params.path, context)


def read_25m(params: MovieLens25M, context: Context) -> Dataset:
    """Return MovieLens 25M; raise as `read_100k` does."""
    return read_release(releases.ML_25M, [_with_genome(params)], params.path, context)


def read_32m(params: MovieLens32M, context: Context) -> Dataset:
    """Return MovieLens 32M; raise as `read_100k` does."""
    return read_release(releases.ML_32M, [LAYOUT_CSV], params.path, context)


def _with_genome(params: MovieLens20M | MovieLens25M) -> Layout:
    if not params.genome:
        return LAYOUT_CSV
    read = functools.partial(layout_csv.read_with_genome, relevance=params.relevance)
    return attrs.evolve(LAYOUT_CSV, read=read)


def read_release(
    release: Release, layouts: Sequence[Layout], path: Path | None, context: Context
) -> Dataset:
    """Return the data set of `release`, from `path` or else from the cache or a mirror."""
    place = path.expanduser() if path else obtain(release, context)
    archive, layout = _detect(place, release, layouts)
    context.progress(None, f"reading {archive.path.name}")
    dataset = layout.read(archive, release.name)
    return _verified(dataset, archive, layout, release, context) if path else dataset


def _detect(path: Path, release: Release, layouts: Sequence[Layout]) -> tuple[Archive, Layout]:
    archive = open_archive(path, release.unpacked)
    for layout in layouts:
        found = archive.find(layout.marker)
        if found:
            return found, layout
    marker = layouts[0].marker
    files = {name.rpartition("/")[2] for name in archive.names}
    raise DataError(
        f"{path}: no {marker} in it, so it is not {release.name}{did_you_mean(marker, files)}"
    )


def _verified(
    dataset: Dataset, archive: Archive, layout: Layout, release: Release, context: Context
) -> Dataset:
    """Report whether the ratings are the published ones, in the data set too if they are not."""
    right, word = _compare(dataset, archive, layout, release)
    if right:
        context.say(f"{release.name}: from {archive.path}, {word}")
        return dataset
    context.say(f"{release.name}: {word}; taken as they are")
    return attrs.evolve(dataset, words=(*dataset.words, word))


def _compare(
    dataset: Dataset, archive: Archive, layout: Layout, release: Release
) -> tuple[bool, str]:
    """Return whether these are the ratings of `release`, and a message.

    They are compared by hash or, where it is unknown, by number.
    """
    if release.ratings_sha256 is None or layout.ratings_bytes is None:
        if len(dataset.ratings) == release.ratings:
            return True, f"which has as many ratings as were published, {release.ratings:,}"
        return (
            False,
            f"{archive.path} has {len(dataset.ratings):,} ratings, where {release.ratings:,} "
            "were published",
        )
    found = hashlib.sha256(layout.ratings_bytes(archive)).hexdigest()
    if found == release.ratings_sha256:
        return True, "whose ratings are the published ones"
    twin = next((each for each in releases.RELEASES if each.ratings_sha256 == found), None)
    if twin:
        raise DataError(
            f"{archive.path}: expected the ratings of {release.name}, got those of {twin.name}. "
            f"Ask for them ({twin.ask}), or give another path."
        )
    return (
        False,
        f"the ratings of {archive.path} are not the published ones (their SHA-256 is {found})",
    )
