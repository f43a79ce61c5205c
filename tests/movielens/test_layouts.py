"""Both layouts of MovieLens 100K give the same tables, as far as they hold the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cfplug_movielens import layout_100k, layout_recbole
from cfplug_movielens.archive import Archive, open_archive
from cfplug_movielens.tables import year_of

from cfplug import DataError, Dataset

Files = dict[str, bytes]
Zipped = Callable[..., Path]


@pytest.fixture(scope="module")
def official(real: Path) -> Dataset:
    return layout_100k.read(opened(real, "u.data"), "movielens-100k")


def opened(path: Path, marker: str) -> Archive:
    archive = open_archive(path, 64 * 2**20).find(marker)
    assert archive is not None
    return archive


def recbole_files(real_item: bytes, data: bytes, user: bytes, genres: list[str]) -> Files:
    """The three tables of the wheel, made from the official ones with the wheel's own oddities."""
    films = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    for line in real_item.decode("latin-1").splitlines():
        item, title, _, _, _, *flags = line.split("|")
        match = re.fullmatch(r"(.*) \(([^()]*)\)", title.strip())
        name, year = match.groups() if match else ("unkonwn", "unkonwn")
        words = " ".join(genre for genre, flag in zip(genres, flags, strict=True) if flag == "1")
        films.append(f"{item}\t{name}\t{year}\t{words}")
    users = b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    ratings = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    return {
        f"{folder}.inter": ratings + data,
        f"{folder}.user": users + user.replace(b"|", b"\t"),
        f"{folder}.item": ("\n".join(films) + "\n").encode(),
    }


def as_recbole(files: Files) -> Files:
    genres = [line.partition("|")[0] for line in files["ml-100k/u.genre"].decode().split()]
    return recbole_files(
        files["ml-100k/u.item"], files["ml-100k/u.data"], files["ml-100k/u.user"], genres
    )


def test_real_ratings_stand_in_the_order_of_the_file(official: Dataset) -> None:
    assert str(official) == "movielens-100k: 100,000 ratings, 943 users, 1,682 items"
    first = official.ratings.iloc[0]
    assert (first["user"], first["item"], first["rating"]) == (196, 242, 3)
    assert first["time"] == pd.Timestamp("1997-12-04 15:55:49")
    assert official.ratings.dtypes.astype(str).tolist() == [
        "int64",
        "int64",
        "float64",
        "datetime64[s]",
    ]
    assert (official.scale.low, official.scale.high, official.scale.levels) == (
        1,
        5,
        (1, 2, 3, 4, 5),
    )


def test_real_users_have_age_gender_occupation_and_zip_code(official: Dataset) -> None:
    assert official.users.iloc[0].tolist() == [1, 24, "M", "technician", "85711"]
    assert dict(official.roles["users"]) == {
        "user": "id",
        "age": "number",
        "gender": "category",
        "occupation": "category",
        "zip_code": "text",
    }
    assert official.users.set_index("user").loc[74, "zip_code"] == "T8H1N"


def test_real_films_have_title_date_year_and_genres(official: Dataset) -> None:
    assert official.items.iloc[0].tolist() == [
        1,
        "Toy Story (1995)",
        pd.Timestamp("1995-01-01"),
        1995,
        ("Animation", "Children's", "Comedy"),
    ]
    assert dict(official.roles["items"]) == {
        "item": "id",
        "title": "label",
        "release_date": "time",
        "year": "number",
        "genres": "set",
    }
    assert official.items["title"].nunique() == 1664
    assert official.items["title"].str.contains("é").sum() > 0


@pytest.mark.parametrize(
    ("item", "title", "date", "year"),
    [
        (267, "unknown", pd.NaT, np.nan),
        (1373, "Good Morning (1971)", pd.Timestamp("1971-02-04"), 1971),
        (23, "Taxi Driver (1976)", pd.Timestamp("1996-02-16"), 1976),
        (1635, "Two Friends (1986)", pd.Timestamp("1986-04-26"), 1986),
    ],
)
def test_real_films_that_are_written_oddly(
    official: Dataset, item: int, title: str, date: object, year: float
) -> None:
    film = official.items.set_index("item").loc[item]
    assert film["title"] == title
    assert film["release_date"] is date or film["release_date"] == date
    np.testing.assert_equal(film["year"], year)


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Toy Story (1995)", 1995),
        ("Land Before Time III (1994) (V)", 1994),
        ("Summer of (1942) (1971)", 1971),
        ("2001: A Space Odyssey", np.nan),
    ],
)
def test_the_year_is_last_in_parentheses(title: str, year: float) -> None:
    np.testing.assert_equal(year_of(title), year)


def test_real_splits_are_rows_of_the_ratings(official: Dataset, real: Path) -> None:
    assert list(official.folds) == ["u1", "u2", "u3", "u4", "u5", "ua", "ub"]
    sizes = {name: (len(fold.train), len(fold.valid)) for name, fold in official.folds.items()}
    assert sizes == {f"u{n}": (80000, 20000) for n in "12345"} | {
        f"u{c}": (90570, 9430) for c in "ab"
    }
    rows = official.ratings.iloc[official.folds["u3"].valid]
    ours = {(row.user, row.item, row.rating) for row in rows.itertuples()}
    lines = opened(real, "u.data").read("u3.test").data.decode().splitlines()
    theirs = {
        (int(user), int(item), int(rating)) for user, item, rating, _ in map(str.split, lines)
    }
    assert ours == theirs
    assert (np.diff(official.folds["ua"].train) > 0).all()


def test_the_wheel_gives_the_same_tables_but_for_dates_and_splits(
    official: Dataset, real: Path, zipped: Zipped
) -> None:
    archive = opened(real, "u.data")
    names = [f"u.{end}" for end in ("data", "user", "item", "genre")]
    files = {f"ml-100k/{name}": archive.read(name).data for name in names}
    path = zipped(as_recbole(files), "recbole.whl")
    other = layout_recbole.read(opened(path, "ml-100k.inter"), "movielens-100k")
    pd.testing.assert_frame_equal(other.ratings, official.ratings)
    pd.testing.assert_frame_equal(other.users, official.users)
    pd.testing.assert_frame_equal(other.items, official.items.drop(columns="release_date"))
    assert other.folds == {}
    assert other.notes == (
        "read from the wheel: there are no release dates and no published splits "
        "(u1 to u5, ua, ub); "
        "to have them, get the official archive and name it: path: ml-100k.zip",
    )


def test_the_ratings_of_both_layouts_are_the_same_bytes(tiny: Files, zipped: Zipped) -> None:
    ours = layout_100k.ratings_bytes(opened(zipped(tiny), "u.data"))
    wheel = opened(zipped(as_recbole(tiny), "recbole.whl"), "ml-100k.inter")
    assert layout_recbole.ratings_bytes(wheel) == ours == tiny["ml-100k/u.data"]


def test_splits_whose_files_are_missing_are_named(tiny: Files, zipped: Zipped) -> None:
    dataset = layout_100k.read(opened(zipped(tiny), "u.data"), "tiny")
    assert dataset.folds["u1"].valid.tolist() == [0, 1]
    assert dataset.folds["u1"].train.tolist() == [2, 3, 4, 5, 6, 7]
    assert dataset.notes == (
        "without the published splits u2, u3, u4, u5, ua, ub, whose files are not there",
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_both_ends_of_line_give_the_same_data(tiny: Files, zipped: Zipped, end: bytes) -> None:
    expected = layout_100k.read(opened(zipped(tiny), "u.data"), "tiny").hash()
    files = {name: data.replace(b"\n", end) for name, data in tiny.items()}
    assert layout_100k.read(opened(zipped(files), "u.data"), "tiny").hash() == expected


def changed(files: Files, name: str, old: bytes, new: bytes) -> Files:
    assert old in files[f"ml-100k/{name}"]
    return files | {f"ml-100k/{name}": files[f"ml-100k/{name}"].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "u.data",
            b"1\t1\t2\t",
            b"1\t1\tgood\t",
            "u.data:2: rating: expected a whole number, got 'good'",
        ),
        (
            "u.data",
            b"1\t1\t2\t",
            b"1\t1\t6\t",
            "u.data:2: rating: expected a number from 1 to 5, got 6",
        ),
        (
            "u.data",
            b"\t880000101",
            b"\t-5",
            "u.data:2: time: expected a number from 0 to 4294967296, got -5",
        ),
        (
            "u.data",
            b"3\t2\t",
            b"1\t1\t",
            "u.data:3: user 1 already rated item 1 on line 2. Keep one of them.",
        ),
        (
            "u.data",
            b"\t880000101",
            b"",
            "u.data:2: expected 4 columns between tabs (user, item, rating, time), got 3",
        ),
        ("u.user", b"|53|", b"|old|", "u.user:2: age: expected a whole number, got 'old'"),
        (
            "u.user",
            b"writer|T8H1N",
            b"writer",
            "u.user:3: expected 5 columns between vertical bars "
            "(user, age, gender, occupation, zip_code), got 4",
        ),
        (
            "u.user",
            b"other",
            b"\xf6ther",
            "u.user:2: not UTF-8 text (byte 0xf6 at position 8 of the line)",
        ),
        (
            "u.item",
            b"4-Feb-1996",
            b"1996-02-04",
            "u.item:2: release_date: expected a date such as 01-Jan-1995, got '1996-02-04'",
        ),
        (
            "u.item",
            b"4-Feb-1996",
            b"30-Feb-1996",
            "u.item:2: release_date: expected a date such as 01-Jan-1995, got '30-Feb-1996'",
        ),
        (
            "u.item",
            b"example.org/1|0",
            b"example.org/1|2",
            "u.item:1: unknown: expected 0 or 1, got '2'",
        ),
        (
            "u1.test",
            b"2\t5\t",
            b"2\t4\t",
            "u1.test:2: user 2 and item 4 have no rating in u.data. "
            "Take both files from one archive, "
            "or leave this one out.",
        ),
        ("u1.base", b"2\t1\t", b"2\tx\t", "u1.base:3: item: expected a whole number, got 'x'"),
    ],
)
def test_a_fault_in_a_file_is_named_by_file_and_line(
    tiny: Files, zipped: Zipped, name: str, old: bytes, new: bytes, message: str
) -> None:
    path = zipped(changed(tiny, name, old, new))
    with pytest.raises(DataError) as error:
        layout_100k.read(opened(path, "u.data"), "tiny")
    assert str(error.value) == f"{path}/ml-100k/{message}"


def test_a_split_that_loses_rows_names_its_files(tiny: Files, zipped: Zipped) -> None:
    lost = tiny["ml-100k/u1.test"].splitlines(keepends=True)[1:]
    path = zipped(tiny | {"ml-100k/u1.test": b"".join(lost)})
    with pytest.raises(DataError) as error:
        layout_100k.read(opened(path, "u.data"), "tiny")
    assert str(error.value) == f"{path}: ml-100k/u1.base and u1.test: the split loses 1 rows"


def test_a_missing_table_names_the_nearest_one(tiny: Files, zipped: Zipped) -> None:
    tiny["ml-100k/u.users"] = tiny.pop("ml-100k/u.user")
    path = zipped(tiny)
    with pytest.raises(DataError) as error:
        layout_100k.read(opened(path, "u.data"), "tiny")
    assert str(error.value) == f"{path}: no ml-100k/u.user in it; did you mean ml-100k/u.users?"


def test_a_table_of_the_wheel_that_is_not_utf_8_is_an_error(tiny: Files, zipped: Zipped) -> None:
    files = as_recbole(tiny)
    films = "recbole/dataset_example/ml-100k/ml-100k.item"
    path = zipped(files | {films: files[films].decode().encode("latin-1")}, "recbole.whl")
    with pytest.raises(DataError) as error:
        layout_recbole.read(opened(path, "ml-100k.inter"), "tiny")
    assert (
        str(error.value)
        == f"{path}/{films}:3: not UTF-8 text (byte 0xe9 at position 10 of the line)"
    )
