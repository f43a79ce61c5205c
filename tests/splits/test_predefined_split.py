"""The predefined split: folds of the data, and files that name pairs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_splits import PredefinedParams
from cfplug_splits.predefined import split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[..., cfplug.Context]
Write = Callable[[str, str], Path]

DATA = Path(__file__).parents[2].parent / "shared" / "data"

quick = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def dataset(users: list[Any], folds: dict[str, cfplug.Split] | None = None) -> cfplug.Dataset:
    """Every user has rated the items 10 and 20."""
    pairs = [(user, item) for user in users for item in (10, 20)]
    ratings = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=3.0)
    return cfplug.Dataset.build("small", ratings, folds=folds)


SMALL = dataset([1, 2, 17])


def parts(found: cfplug.Split) -> dict[str, list[int]]:
    return {name: rows.tolist() for name, rows in found.parts().items()}


def reported(data: cfplug.Dataset, context: Contexts, **params: Any) -> str:
    """The text of the error that splitting raises."""
    with pytest.raises(cfplug.DataError) as raised:
        split(data, PredefinedParams(**params), context())
    return str(raised.value)


# Folds


def fold() -> cfplug.Split:
    return cfplug.Split(np.array([0, 1]), np.array([2, 3]))


def test_a_fold_of_the_data_is_taken_by_its_name(context: Contexts) -> None:
    folds = {"u1": fold(), "u2": cfplug.Split(np.array([2, 3]), np.array([0, 1]))}
    found = split(dataset([1, 2], folds), PredefinedParams(fold="u2"), context())
    assert parts(found) == {"train": [2, 3], "valid": [0, 1]}


def test_an_unknown_fold_names_the_nearest_and_all_there_are(context: Contexts) -> None:
    data = dataset([1, 2], {"u1": fold(), "ua": fold()})
    assert reported(data, context, fold="u11") == (
        "small has no fold called 'u11'; did you mean u1? (the folds are u1, ua)"
    )


def test_data_without_folds_is_reported(context: Contexts) -> None:
    assert reported(SMALL, context, fold="u1") == (
        "small has no folds; name the files of the split (valid: u1.test)"
    )


# Files


def test_files_name_the_pairs_of_each_part(write: Write, context: Contexts) -> None:
    train = write("a.base", "1\t10\t5\t0\n2\t10\t1\t0\n\n17\t20\t1\t0\n")
    valid = write("a.test", "1\t20\n17\t10\n")
    test = write("a.last", "2\t20\n")
    found = split(SMALL, PredefinedParams(train=train, valid=valid, test=test), context())
    assert parts(found) == {"train": [0, 2, 5], "valid": [1, 4], "test": [3]}


def test_without_a_file_of_training_pairs_all_others_train(write: Write, context: Contexts) -> None:
    valid = write("a.test", "17\t10\n1\t20\n")
    assert parts(split(SMALL, PredefinedParams(valid=valid), context())) == {
        "train": [0, 2, 3, 5],
        "valid": [1, 4],
    }


def test_files_may_have_a_header_quotes_and_another_separator(
    write: Write, context: Contexts
) -> None:
    valid = write("a.csv", '\nuser,item\n"17","10"\n')
    params = PredefinedParams(valid=valid, separator=",", header=True)
    assert parts(split(SMALL, params, context()))["valid"] == [4]


def test_the_separator_may_have_several_letters(write: Write, context: Contexts) -> None:
    valid = write("a.test", "17::10::5\n")
    assert parts(split(SMALL, PredefinedParams(valid=valid, separator="::"), context()))[
        "valid"
    ] == [4]


def test_a_pair_twice_in_one_file_is_one_pair(write: Write, context: Contexts) -> None:
    valid = write("a.test", "17\t10\n17\t10\n")
    assert parts(split(SMALL, PredefinedParams(valid=valid), context()))["valid"] == [4]


@quick
@given(
    users=st.lists(st.integers(-1000, 1000), min_size=2, max_size=9, unique=True)
    | st.lists(
        st.text("aé0 7-", min_size=1).filter(str.strip), min_size=2, max_size=9, unique=True
    ),
    data=st.data(),
)
def test_ids_are_matched_by_value_and_the_split_is_complete(
    users: list[Any], data: st.DataObject, write: Write, context: Contexts
) -> None:
    built = dataset(users)
    where = data.draw(st.lists(st.booleans(), min_size=2 * len(users), max_size=2 * len(users)))
    where[:2] = [True, False]
    pairs = list(built.ratings[["user", "item"]].itertuples(index=False))
    files = {
        part: write(
            part,
            "".join(
                f"{user}\t{item}\n"
                for (user, item), valid in zip(pairs, where, strict=True)
                if valid == wanted
            ),
        )
        for part, wanted in (("train", False), ("valid", True))
    }
    found = split(built, PredefinedParams(**files), context())
    assert parts(found) == {
        "train": [row for row, valid in enumerate(where) if not valid],
        "valid": [row for row, valid in enumerate(where) if valid],
    }


# Faults


def test_a_pair_that_the_data_lacks_names_its_line(write: Write, context: Contexts) -> None:
    valid = write("a.test", "1\t10\n\n2\t30\n")
    assert (
        reported(SMALL, context, valid=valid)
        == "a.test:3: user 2, item 30: the data has no such rating"
    )


def test_further_unknown_pairs_are_counted(write: Write, context: Contexts) -> None:
    valid = write("a.test", "1\t10\n3\t10\n3\t20\n4\t10\n")
    assert reported(SMALL, context, valid=valid) == (
        "a.test:2: user 3, item 10: the data has no such rating (nor 2 more pairs of the file)"
    )


def test_a_pair_in_two_files_names_both_lines(write: Write, context: Contexts) -> None:
    train = write("a.base", "1\t10\n1\t20\n")
    valid = write("a.test", "2\t10\n1\t20\n")
    assert reported(SMALL, context, train=train, valid=valid) == (
        "a.test:2: user 1, item 20: is in a.base:2 too; a rating belongs to one part of a split"
    )


def test_ratings_in_no_file_are_counted(write: Write, context: Contexts) -> None:
    train, valid = write("a.base", "1\t10\n1\t20\n"), write("a.test", "2\t20\n")
    assert reported(SMALL, context, train=train, valid=valid) == (
        "3 of 6 ratings are not named in a.base or a.test; the first is user 2, item 10; "
        "name them there, or leave out `train` to train on all that no other file names"
    )


def test_files_that_leave_nothing_to_train_are_refused(write: Write, context: Contexts) -> None:
    valid = write(
        "a.test", "".join(f"{user}\t{item}\n" for user in (1, 2, 17) for item in (10, 20))
    )
    assert (
        reported(SMALL, context, valid=valid)
        == "the split leaves no ratings to train; it has 6 in all"
    )


def test_a_row_without_a_pair_names_its_line_and_the_separator(
    write: Write, context: Contexts
) -> None:
    valid = write("a.test", "1\t10\n17,10\n")
    assert reported(SMALL, context, valid=valid) == (
        "a.test:2: a row begins with a user and an item; is '17,10'; is the separator ','?"
    )


def test_a_quote_that_is_never_closed_names_its_line(write: Write, context: Contexts) -> None:
    valid = write("a.test", '1\t10\t"open\n17\t10\t\n')
    assert (
        reported(SMALL, context, valid=valid) == "a.test:1: cannot be read: unexpected end of data"
    )


def test_a_file_without_pairs_is_refused(write: Write, context: Contexts) -> None:
    assert reported(SMALL, context, valid=write("a.test", "\n")) == "a.test: the file names no pair"


def test_a_file_that_is_not_there_names_the_nearest(
    write: Write, context: Contexts, tmp_path: Path
) -> None:
    write("u1.test", "1\t10\n")
    path = tmp_path / "u1.tset"
    assert (
        reported(SMALL, context, valid=path)
        == f"{path}: there is no such file; did you mean u1.test?"
    )


def test_a_folder_that_is_not_there_is_named(context: Contexts, tmp_path: Path) -> None:
    path = tmp_path / "folds" / "u1.test"
    assert (
        reported(SMALL, context, valid=path) == f"{path}: there is no folder {tmp_path / 'folds'}"
    )


def test_a_folder_is_not_a_file_of_pairs(context: Contexts, tmp_path: Path) -> None:
    assert reported(SMALL, context, valid=tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_wrong_encoding_is_reported(context: Contexts, tmp_path: Path) -> None:
    path = tmp_path / "a.test"
    path.write_bytes("Zoë\t10\n".encode("latin-1"))
    assert (
        reported(SMALL, context, valid=path)
        == "a.test: is not utf-8; say which encoding it is (encoding: latin-1)"
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "give the name of a fold (fold: u1) or a file of validation pairs (valid: u1.test)"),
    (
        {"train": Path("u1.base")},
        "give the name of a fold (fold: u1) or a file of validation pairs (valid: u1.test)",
    ),
    (
        {"fold": "u1", "train": Path("a"), "valid": Path("b")},
        "give fold or files, not both; there are fold and train and valid",
    ),
    ({"valid": Path("a"), "separator": ""}, "separator: must be text within a line; is ''"),
    (
        {"valid": Path("a"), "encoding": "utf-88"},
        "encoding: Python knows no encoding called 'utf-88'",
    ),
]


@pytest.mark.parametrize(("params", "message"), REFUSED)
def test_a_split_is_named_in_one_way(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        PredefinedParams(**params)
    assert str(raised.value) == message


# Real data


@pytest.mark.skipif(not DATA.is_dir(), reason="no real MovieLens archives beside the repository")
def test_u1_of_movielens_100k_is_split_as_its_makers_did(context: Contexts, tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "ml-100k.zip") as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        for name in ("u.data", "u1.base", "u1.test"):
            (tmp_path / name).write_bytes(archive.read(names[name]))
    columns = ["user", "item", "rating", "time"]
    ratings = pd.read_csv(tmp_path / "u.data", sep="\t", names=columns)
    data = cfplug.Dataset.build("ml-100k", ratings[["user", "item", "rating"]])
    params = PredefinedParams(train=tmp_path / "u1.base", valid=tmp_path / "u1.test")
    found = split(data, params, context())
    made = pd.read_csv(tmp_path / "u1.test", sep="\t", names=columns).sort_values(["user", "item"])
    valid = ratings.iloc[found.valid].sort_values(["user", "item"])
    assert (len(found.train), len(found.valid)) == (80_000, 20_000)
    np.testing.assert_array_equal(valid, made)
