"""From parameters to a data set: get the archive, see how it is laid out, read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import attrs
from attrs import frozen

from cfplug import Context, DataError, Dataset, did_you_mean
from cfplug_movielens import MovieLens100K, layout_100k, layout_recbole
from cfplug_movielens.archive import Archive, open_archive
from cfplug_movielens.releases import ML_100K, Release
from cfplug_movielens.ways import obtain


@frozen
class Layout:
    """One way that a release is laid out: the file it is known by, how to read it, its ratings as bytes."""

    marker: str
    read: Callable[[Archive, str], Dataset]
    ratings_bytes: Callable[[Archive], bytes]


LAYOUTS = tuple(Layout(each.MARKER, each.read, each.ratings_bytes) for each in (layout_100k, layout_recbole))


def read_100k(params: MovieLens100K, context: Context) -> Dataset:
    """MovieLens 100K; DataError if what `path` names cannot be read, DownloadError if no way led to it."""
    return read_release(ML_100K, params.path, context)


def read_release(release: Release, path: Path | None, context: Context) -> Dataset:
    """The data set of `release`, from `path` if one is given, else from the first way that leads to it."""
    archive, layout = _laid_out(path.expanduser() if path else obtain(release, context), release)
    dataset = layout.read(archive, release.name)
    return _compared(dataset, archive, layout, release, context) if path else dataset


def _laid_out(path: Path, release: Release) -> tuple[Archive, Layout]:
    archive = open_archive(path, release.unpacked)
    for layout in LAYOUTS:
        found = archive.find(layout.marker)
        if found:
            return found, layout
    marker = LAYOUTS[0].marker
    files = {name.rpartition("/")[2] for name in archive.names}
    raise DataError(f"{path}: no {marker} in it, by which {release.name} is known{did_you_mean(marker, files)}")


def _compared(dataset: Dataset, archive: Archive, layout: Layout, release: Release, context: Context) -> Dataset:
    """Say whether a user's own ratings are the published ones; the data set remembers if they are not."""
    found = hashlib.sha256(layout.ratings_bytes(archive)).hexdigest()
    if found == release.ratings_sha256:
        context.say(f"{release.name}: from {archive.path}, whose ratings are the published ones")
        return dataset
    word = f"the ratings of {archive.path} are not the published ones (their SHA-256 is {found})"
    context.say(f"{release.name}: {word}; taken as they are")
    return attrs.evolve(dataset, words=(*dataset.words, word))
