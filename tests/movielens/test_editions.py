"""The real archives, as their makers counted them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cfplug_movielens import MovieLens1M, MovieLens100K, MovieLensSmall
from cfplug_movielens.source import read_1m, read_100k, read_small

import cfplug
from cfplug import DataError, Dataset


def rated(dataset: Dataset) -> int:
    return int(dataset.ratings["item"].nunique())


def test_the_small_set_of_2016_is_what_its_makers_say(
    real_data: Path, context: cfplug.Context, said: list[str]
) -> None:
    path = real_data / "ml-latest-small-2016.zip"
    dataset = read_small(MovieLensSmall(path, 2016), context)
    assert str(dataset) == "movielens-small-2016: 100,004 ratings, 671 users, 9,125 items"
    assert rated(dataset) == 9066
    assert dataset.ratings.iloc[0].tolist() == [1, 31, 2.5, pd.Timestamp("2009-12-14 02:52:24")]
    assert said == [f"movielens-small-2016: from {path}, whose ratings are the published ones"]
    assert dataset.words == ()
    assert sorted(dataset.ratings["rating"].unique()) == list(dataset.scale.levels)


def test_the_small_set_of_2018_is_what_its_makers_say(
    real_data: Path, context: cfplug.Context, said: list[str]
) -> None:
    path = real_data / "ml-latest-small.zip"
    dataset = read_small(MovieLensSmall(path), context)
    assert str(dataset) == "movielens-small-2018: 100,836 ratings, 610 users, 9,742 items"
    assert rated(dataset) == 9724
    assert said == [f"movielens-small-2018: from {path}, whose ratings are the published ones"]
    films = dataset.items.set_index("item")
    assert films.loc[1, "tags"] == ("fun", "pixar")
    assert films.loc[1, "genres"] == ("Adventure", "Animation", "Children", "Comedy", "Fantasy")
    assert films.loc[171749, ["year", "genres"]].tolist() == [
        2006,
        (),
    ]  # Death Note: Desu nôto (2006-2007)
    assert films["year"].isna().sum() == 12
    assert films["tmdb"].isna().sum() == 8


def test_an_archive_of_the_other_edition_is_refused(
    real_data: Path, context: cfplug.Context
) -> None:
    path = real_data / "ml-latest-small-2016.zip"
    with pytest.raises(DataError) as error:
        read_small(MovieLensSmall(path, 2018), context)
    assert str(error.value) == (
        f"{path}: expected the ratings of movielens-small-2018, got those of movielens-small-2016. "
        "Ask for them (use: movielens-small, edition: 2016), or give another path."
    )


def test_one_million_ratings_are_what_their_makers_say(
    real_data: Path, context: cfplug.Context, said: list[str]
) -> None:
    path = real_data / "ml-1m.zip"
    dataset = read_1m(MovieLens1M(path), context)
    assert str(dataset) == "movielens-1m: 1,000,209 ratings, 6,040 users, 3,883 items"
    assert rated(dataset) == 3706
    assert said == [
        f"movielens-1m: from {path}, which has as many ratings as were published, 1,000,209"
    ]
    assert dataset.words == (
        "the ratings have no time: nothing here can be ordered or split by time",
    )
    assert dataset.users["age"].value_counts().to_dict() == {
        "25-34": 2096,
        "35-44": 1193,
        "18-24": 1103,
        "45-49": 550,
        "50-55": 496,
        "56 or more": 380,
        "under 18": 222,
    }
    assert dataset.users["gender"].value_counts().to_dict() == {"M": 4331, "F": 1709}
    assert dataset.users["occupation"].nunique() == 21
    assert dataset.items["year"].isna().sum() == 0
    assert dataset.items["title"].str.contains("é").any()


def test_films_of_one_title_become_one_item(real_data: Path, context: cfplug.Context) -> None:
    by_id = read_100k(MovieLens100K(real_data / "ml-100k.zip"), context)
    dataset = read_100k(MovieLens100K(real_data / "ml-100k.zip", "title"), context)
    assert str(dataset) == "movielens-100k: 99,693 ratings, 943 users, 1,664 items"
    assert rated(dataset) == dataset.items["title"].nunique() == 1664
    assert dataset.words == (
        "18 items went to another item with the same title, and 307 ratings of "
        "users who had rated a title twice: "
        "the last one counts",
    )
    titles = by_id.ratings.merge(by_id.items[["item", "title"]], on="item")
    expected = titles.drop_duplicates(["user", "title"], keep="last").reset_index(drop=True)
    ours = dataset.ratings.merge(dataset.items[["item", "title"]], on="item")
    pd.testing.assert_frame_equal(ours.drop(columns="item"), expected.drop(columns="item"))


def test_the_published_splits_of_titles_are_those_of_ids_less_the_rows_that_went(
    real_data: Path, context: cfplug.Context
) -> None:
    by_id = read_100k(MovieLens100K(real_data / "ml-100k.zip"), context)
    dataset = read_100k(MovieLens100K(real_data / "ml-100k.zip", "title"), context)
    assert list(dataset.folds) == ["u1", "u2", "u3", "u4", "u5", "ua", "ub"]
    assert [len(dataset.folds[f"u{n}"].valid) for n in range(1, 6)] == [
        19901,
        19926,
        19941,
        19947,
        19978,
    ]
    columns = ["user", "rating", "time"]
    for name, fold in dataset.folds.items():
        kept = set(dataset.ratings.iloc[fold.valid][columns].itertuples(index=False, name=None))
        whole = set(
            by_id.ratings.iloc[by_id.folds[name].valid][columns].itertuples(index=False, name=None)
        )
        assert kept <= whole
        assert (np.diff(fold.valid) > 0).all()
