"""The layouts of MovieLens 1M and later, in small archives like the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pandas as pd
import pytest
from cfplug_movielens import (
    MovieLens1M,
    MovieLens10M,
    MovieLens20M,
    MovieLens25M,
    MovieLens32M,
    MovieLensSmall,
)
from cfplug_movielens.releases import Release
from cfplug_movielens.source import (
    LAYOUT_1M,
    LAYOUT_10M,
    LAYOUT_CSV,
    Layout,
    read_1m,
    read_10m,
    read_20m,
    read_25m,
    read_32m,
    read_release,
    read_small,
)

import cfplug
from cfplug import DataError, Dataset

Files = dict[str, bytes]
Zipped = Callable[..., Path]

USERS = "user, gender, age, occupation, zip_code"
CODES = ", ".join(map(str, range(21)))


def roles(dataset: Dataset, table: str) -> dict[str, str]:
    return dict(dataset.roles[table])


def test_the_layout_of_1m_is_read(tiny_1m: Files, zipped: Zipped, context: cfplug.Context) -> None:
    dataset = read_1m(MovieLens1M(zipped(tiny_1m)), context)
    assert str(dataset) == "movielens-1m: 5 ratings, 2 users, 4 items"
    assert dataset.ratings.iloc[1].tolist() == [1, 3408, 4.0, pd.Timestamp("2000-12-31 22:04:35")]
    assert dataset.users.to_numpy().tolist() == [
        [1, "under 18", "F", "K-12 student", "48067"],
        [2, "56 or more", "M", "self-employed", "70072-1"],
    ]
    assert dataset.items.iloc[1].tolist() == [1193, "Misérables, Les (1995)", 1995.0, ("Drama",)]
    assert dataset.items["title"].iloc[0] == "Star Wars: Episode IV (1977)"
    assert dataset.scale.levels == (1, 2, 3, 4, 5)


def test_the_columns_of_1m_have_the_roles_that_models_need(
    tiny_1m: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    dataset = read_1m(MovieLens1M(zipped(tiny_1m)), context)
    assert roles(dataset, "ratings") == {
        "user": "id",
        "item": "id",
        "rating": "target",
        "time": "time",
    }
    assert roles(dataset, "users") == {
        "user": "id",
        "age": "category",
        "gender": "category",
        "occupation": "category",
        "zip_code": "text",
    }
    assert roles(dataset, "items") == {
        "item": "id",
        "title": "label",
        "year": "number",
        "genres": "set",
    }


def test_ratings_of_1m_without_times_are_accepted_and_reported(
    tiny_1m: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    whole = read_1m(MovieLens1M(zipped(tiny_1m)), context)
    lines = tiny_1m.pop("ml-1m/ratings.dat").decode().splitlines()
    cut = [line.split("::")[:3] for line in lines]
    csv = "userId,movieId,rating\n" + "".join(",".join(cells) + "\n" for cells in cut)
    dats = "".join("::".join(cells) + "\n" for cells in cut)
    for name, content in (("ratings_no_time.csv", csv), ("ratings.dat", dats)):
        dataset = read_1m(
            MovieLens1M(zipped({**tiny_1m, f"ml-1m/{name}": content.encode()})), context
        )
        pd.testing.assert_frame_equal(dataset.ratings, whole.ratings.drop(columns="time"))
        assert "time" not in dataset.roles["ratings"]
        assert (
            dataset.notes[0]
            == "the ratings have no time: nothing here can be ordered or split by time"
        )


def test_the_layout_of_10m_is_read(
    tiny_10m: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    dataset = read_10m(MovieLens10M(zipped(tiny_10m)), context)
    assert str(dataset) == "movielens-10m: 4 ratings, 2 users, 3 items"
    assert dataset.ratings["rating"].tolist() == [5.0, 4.5, 0.5, 3.0]
    assert dataset.items["title"].iloc[1] == "Misérables, Les (1995)"
    assert dataset.items["genres"].tolist() == [("Comedy", "Romance"), ("Drama",), ()]
    assert dataset.items["tags"].tolist() == [(), ("excellent!", "politics"), ("satire: dark",)]
    assert dataset.scale.levels == (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)
    assert list(dataset.users.columns) == ["user"]
    assert roles(dataset, "items") == {
        "item": "id",
        "title": "label",
        "year": "number",
        "genres": "set",
        "tags": "set",
    }


@pytest.mark.parametrize(
    ("read", "params", "name"),
    [
        (read_small, MovieLensSmall, "movielens-small-2018"),
        (read_20m, MovieLens20M, "movielens-20m"),
        (read_25m, MovieLens25M, "movielens-25m"),
        (read_32m, MovieLens32M, "movielens-32m"),
    ],
)
def test_the_layout_of_csv_files_is_read(
    tiny_csv: Files, zipped: Zipped, context: cfplug.Context, read: Any, params: Any, name: str
) -> None:
    dataset = read(params(zipped(tiny_csv)), context)
    assert str(dataset) == f"{name}: 5 ratings, 2 users, 4 items"
    assert dataset.ratings.iloc[1].tolist() == [1, 306, 3.5, pd.Timestamp("2006-05-17 12:26:57")]
    films = dataset.items
    assert films["title"].tolist() == [
        "Pulp, Fiction (1994)",
        'Three "Colors" (1994)',
        "Misérables (2006\u20132007)",
        "NA",
    ]
    assert films["year"].fillna(0).tolist() == [1994, 1994, 2006, 0]
    assert films["genres"].tolist() == [("Comedy", "Crime"), ("Drama",), (), ("War",)]
    assert films["tags"].tolist() == [(), ("classic", "sci-fi"), (), ("so, null",)]
    assert films["imdb"].tolist() == ["0110912", "0111495", "0108394", "0114787"]
    assert films["tmdb"].isna().tolist() == [False, True, False, False]
    assert roles(dataset, "items") == {
        "item": "id",
        "title": "label",
        "year": "number",
        "genres": "set",
        "tags": "set",
        "imdb": "text",
        "tmdb": "text",
    }


def test_csv_ratings_without_times_are_accepted_and_reported(
    tiny_csv: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    cut = [line.rpartition(b",")[0] + b"\n" for line in tiny_csv["ml-25m/ratings.csv"].splitlines()]
    dataset = read_25m(
        MovieLens25M(zipped({**tiny_csv, "ml-25m/ratings.csv": b"".join(cut)})), context
    )
    assert list(dataset.ratings.columns) == ["user", "item", "rating"]
    assert (
        dataset.notes[0] == "the ratings have no time: nothing here can be ordered or split by time"
    )


@pytest.mark.parametrize(
    ("relevance", "expected"),
    [
        (0.5, [("cult film", "violent, very"), ("007",), (), ()]),
        (0.8, [("cult film",), (), (), ()]),
        (0.0, [("007", "cult film", "violent, very"), ("007", "violent, very"), (), ()]),
    ],
)
def test_the_genome_gives_the_tags_that_are_relevant_enough(
    tiny_csv: Files,
    zipped: Zipped,
    context: cfplug.Context,
    relevance: float,
    expected: list[tuple[str, ...]],
) -> None:
    dataset = read_20m(MovieLens20M(zipped(tiny_csv), genome=True, relevance=relevance), context)
    assert dataset.items["genome"].tolist() == expected
    assert dataset.roles["items"]["genome"] == "set"


def test_a_genome_that_is_not_there_is_an_error(
    tiny_csv: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    del tiny_csv["ml-25m/genome-tags.csv"]
    path = zipped(tiny_csv)
    with pytest.raises(DataError) as error:
        read_25m(MovieLens25M(path, genome=True), context)
    assert str(error.value) == (
        f"{path}: no ml-25m/genome-tags.csv in it, so it has no tag genome. Set genome: false, "
        "or get the published archive of movielens-20m or movielens-25m."
    )
    assert "genome" not in read_25m(MovieLens25M(path), context).items


def changed(files: Files, file: str, old: bytes, new: bytes) -> Files:
    name = next(name for name in files if name.endswith(f"/{file}"))
    assert old in files[name]
    return files | {name: files[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "ratings.csv",
            b"3.5,",
            b"3.4,",
            ":3: rating: expected a number from 0.5 to 5 in steps of 0.5, got 3.4",
        ),
        ("ratings.csv", b"3.5,", b"nan,", ":3: rating: expected a number, got 'nan'"),
        (
            "ratings.csv",
            b",1147868817",
            b",-1",
            ":3: time: expected a number from 0 to 4294967296, got -1",
        ),
        (
            "ratings.csv",
            b"1,306,",
            b"1,296,",
            ":3: user 1 already rated item 296 on line 2. Keep one of them.",
        ),
        (
            "ratings.csv",
            b"3.5,",
            b"3.5,,",
            ":3: expected 4 columns between commas (user, item, rating, time), got 5",
        ),
        ("ratings.csv", b"movieId", b"movie", ":1: no column called movieId; did you mean movie?"),
        ("movies.csv", b"\n306,", b"\nIII,", ":3: item: expected a whole number, got 'III'"),
        ("tags.csv", b"3,306,Sci", b"x,306,Sci", ":3: user: expected a whole number, got 'x'"),
        (
            "tags.csv",
            b'"so, null"',
            b"so, null",
            ":5: expected 4 columns between commas (user, item, tag, time), got 5",
        ),
        (
            "links.csv",
            b"306,0111495,",
            b"306,0111495",
            ":3: expected 3 columns between commas (item, imdb, tmdb), got 2",
        ),
        (
            "genome-scores.csv",
            b"0.75",
            b"1.75",
            ":5: relevance: expected a number from 0 to 1, got 1.75",
        ),
        (
            "genome-scores.csv",
            b"306,2,",
            b"306,9,",
            ":6: tag: expected a tag of genome-tags.csv, got 9",
        ),
    ],
)
def test_a_fault_in_a_csv_file_is_named_by_file_and_line(
    tiny_csv: Files,
    zipped: Zipped,
    context: cfplug.Context,
    file: str,
    old: bytes,
    new: bytes,
    message: str,
) -> None:
    path = zipped(changed(tiny_csv, file, old, new))
    with pytest.raises(DataError) as error:
        read_25m(MovieLens25M(path, genome=True), context)
    assert str(error.value) == f"{path}/ml-25m/{file}{message}"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "users.dat",
            b"::56::",
            b"::57::",
            ":2: age: expected one of 1, 18, 25, 35, 45, 50, 56, got '57'",
        ),
        (
            "users.dat",
            b"::10::",
            b"::writer::",
            f":1: occupation: expected one of {CODES}, got 'writer'",
        ),
        (
            "users.dat",
            b"::70072-1",
            b"",
            f":2: expected 5 columns between double colons ({USERS}), got 4",
        ),
        ("ratings.dat", b"::4::", b"::4.5::", ":2: rating: expected a whole number, got '4.5'"),
        ("ratings.dat", b"::4::", b"::6::", ":2: rating: expected a number from 1 to 5, got 6"),
        ("movies.dat", b"1193::", b"x::", ":2: item: expected a whole number, got 'x'"),
    ],
)
def test_a_fault_in_a_dat_file_is_named_by_file_and_line(
    tiny_1m: Files,
    zipped: Zipped,
    context: cfplug.Context,
    file: str,
    old: bytes,
    new: bytes,
    message: str,
) -> None:
    path = zipped(changed(tiny_1m, file, old, new))
    with pytest.raises(DataError) as error:
        read_1m(MovieLens1M(path), context)
    assert str(error.value) == f"{path}/ml-1m/{file}{message}"


@pytest.mark.parametrize(
    ("layout", "fixture", "text"),
    [
        (LAYOUT_1M, "tiny_1m", "movielens-tiny: 5 ratings, 2 users, 4 items"),
        (LAYOUT_10M, "tiny_10m", "movielens-tiny: 4 ratings, 2 users, 3 items"),
        (LAYOUT_CSV, "tiny_csv", "movielens-tiny: 5 ratings, 2 users, 4 items"),
    ],
)
@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_later_release_is_fetched_and_read(
    layout: Layout,
    fixture: str,
    text: str,
    algorithm: str,
    zipped: Zipped,
    release: Release,
    server: Any,
    cache: Path,
    context: cfplug.Context,
    request: pytest.FixtureRequest,
) -> None:
    server.content = zipped(request.getfixturevalue(fixture)).read_bytes()
    known = f"{algorithm}:{hashlib.new(algorithm, server.content).hexdigest()}"
    published = attrs.evolve(release, hash=known, size=len(server.content), ratings_sha256=None)
    assert str(read_release(published, [layout], None, context)) == text
    assert str(read_release(published, [layout], None, context)) == text
    assert len(server.asked) == 1


def test_a_copy_with_unknown_hash_is_compared_by_its_number_of_ratings(
    tiny_10m: Files, zipped: Zipped, release: Release, context: cfplug.Context, said: list[str]
) -> None:
    path = zipped(tiny_10m)
    published = attrs.evolve(release, ratings_sha256=None, ratings=4)
    assert read_release(published, [LAYOUT_10M], path, context).notes == ()
    short = read_release(attrs.evolve(published, ratings=10_000_054), [LAYOUT_10M], path, context)
    assert short.notes == (f"{path} has 4 ratings, where 10,000,054 were published",)
    assert said == [
        f"movielens-tiny: from {path}, which has as many ratings as were published, 4",
        f"movielens-tiny: {path} has 4 ratings, where 10,000,054 were published; taken as they are",
    ]


def test_an_archive_of_10m_is_not_accepted_for_1m(
    tiny_10m: Files, zipped: Zipped, context: cfplug.Context
) -> None:
    whole = tiny_10m | {"ml-10M100K/ratings.dat": b"1::122::5::838985046\n"}
    path = zipped(whole)
    with pytest.raises(DataError) as error:
        read_1m(MovieLens1M(path), context)
    assert str(error.value).startswith(f"{path}: no ml-10M100K/users.dat in it")
