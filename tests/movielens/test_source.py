"""The source as a recipe uses it: with a path of the user's, or by downloading it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfplug_movielens import MovieLens100K
from cfplug_movielens.releases import ML_100K, Release
from cfplug_movielens.source import LAYOUTS_100K, read_100k, read_release

import cfplug
from cfplug import DataError
from cfplug.errors import DownloadError

Files = dict[str, bytes]
Zipped = Callable[..., Path]


def test_a_repacked_copy_of_the_real_archive_is_recognized(
    real: Path, context: cfplug.Context, said: list[str]
) -> None:
    dataset = read_100k(MovieLens100K(real), context)
    assert str(dataset) == "movielens-100k: 100,000 ratings, 943 users, 1,682 items"
    assert said == [f"movielens-100k: from {real}, whose ratings are the published ones"]
    assert dataset.words == ()


def test_ratings_that_are_not_the_published_ones_are_accepted_and_reported(
    tiny: Files, zipped: Zipped, context: cfplug.Context, said: list[str]
) -> None:
    path = zipped(tiny)
    found = hashlib.sha256(tiny["ml-100k/u.data"]).hexdigest()
    dataset = read_100k(MovieLens100K(path), context)
    word = f"the ratings of {path} are not the published ones (their SHA-256 is {found})"
    assert said == [f"movielens-100k: {word}; taken as they are"]
    assert dataset.words[-1] == word
    assert len(dataset.ratings) == 8


@pytest.mark.parametrize("inner", ["", "ml-100k"])
def test_a_folder_may_hold_the_files_or_the_folder_of_the_archive(
    tiny: Files, tmp_path: Path, context: cfplug.Context, inner: str
) -> None:
    (tmp_path / "mine" / inner).mkdir(parents=True)
    for name, data in tiny.items():
        (tmp_path / "mine" / inner / name.rpartition("/")[2]).write_bytes(data)
    assert len(read_100k(MovieLens100K(tmp_path / "mine"), context).ratings) == 8


def test_a_path_uses_neither_cache_nor_network(
    tiny: Files, zipped: Zipped, context: cfplug.Context, release: Release, cache: Path, server: Any
) -> None:
    read_release(release, LAYOUTS_100K, zipped(tiny), context)
    assert server.asked == []
    assert not cache.exists()


def test_a_release_is_fetched_and_read(
    release: Release, cache: Path, context: cfplug.Context
) -> None:
    dataset = read_release(release, LAYOUTS_100K, None, context)
    assert str(dataset) == "movielens-tiny: 8 ratings, 3 users, 5 items"
    assert dataset.users["zip_code"].tolist() == ["85711", "94043", "T8H1N"]
    assert dataset.items["genres"].tolist() == [
        ("Animation", "Comedy"),
        ("Drama",),
        ("unknown",),
        (),
        ("Drama", "Thriller"),
    ]
    assert dataset.items["title"].tolist()[1:4] == [
        "Les Misérables (1995)",
        "unknown",
        "Land Before Time III (1994) (V)",
    ]


def test_an_archive_of_something_else_names_the_nearest_file(
    zipped: Zipped, context: cfplug.Context
) -> None:
    path = zipped({"ml/u_data": b"", "ml/README": b""})
    with pytest.raises(DataError) as error:
        read_100k(MovieLens100K(path), context)
    assert (
        str(error.value)
        == f"{path}: no u.data in it, so it is not movielens-100k; did you mean u_data?"
    )


def test_a_failed_download_is_a_data_error_too(
    release: Release, cache: Path, context: cfplug.Context, server: Any
) -> None:
    server.status = 404
    with pytest.raises(DownloadError) as error:
        read_release(release, LAYOUTS_100K, None, context)
    assert isinstance(error.value, DataError)
    assert error.value.exit_code == 1


def test_the_real_release_is_described_in_full() -> None:
    assert ML_100K.wheel is not None
    assert ML_100K.size == 4_924_029
    assert len(ML_100K.hash) == len("sha256:") + 64
    assert len(ML_100K.wheel.sha256) == 64


def test_the_real_ratings_have_the_hash_of_the_release(real: Path) -> None:
    import zipfile

    with zipfile.ZipFile(real) as archive:
        found = hashlib.sha256(archive.read("ml-100k/u.data")).hexdigest()
    assert found == ML_100K.ratings_sha256
