"""A split made elsewhere: a fold of the data, or files that name the pairs of each part."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cfplug import Context, DataError, Dataset, Split
from cfplug.errors import did_you_mean
from cfplug_splits import PredefinedParams
from cfplug_splits.pair_files import PairFile, read_pairs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Rows = Mapping[str, np.ndarray]

Files = Mapping[str, PairFile]


def split(dataset: Dataset, params: PredefinedParams, context: Context) -> Split:
    """Return the parts as they are named.

    DataError for a fold that is not there, or a pair that is not in the data, in two files, or in
    none.
    """
    if params.fold is not None:
        return fold(dataset, params.fold)
    files = {part: read_pairs(path, params) for part, path in params.files().items()}
    rows_of = _finder(dataset.ratings)
    rows = {part: rows_of(file) for part, file in files.items()}
    for part, file in files.items():
        _check_known(file, rows[part] < 0)
    _check_apart(files, rows)
    parts = _complete(dataset.ratings, files, rows)
    found = Split(parts["train"], parts["valid"], parts.get("test"))
    found.check(len(dataset.ratings))
    return found


def fold(dataset: Dataset, name: str) -> Split:
    """Return the split called `name` that came with the dataset; DataError names those that did, if
    it did not.
    """
    if name in dataset.folds:
        return dataset.folds[name]
    if not dataset.folds:
        raise DataError(
            f"{dataset.name} has no folds; name the files of the split (valid: u1.test)"
        )
    guess, there = did_you_mean(name, dataset.folds), ", ".join(dataset.folds)
    raise DataError(f"{dataset.name} has no fold called {name!r}{guess} (the folds are {there})")


def _finder(ratings: pd.DataFrame) -> Callable[[PairFile], np.ndarray]:
    """Return a function from a file of n pairs to their rows in `ratings`, shape (n,); -1 where
    there is none.

    Ids are compared as text; a pair becomes one number, so that a million of them are found at
    once.
    """
    import numpy as np
    import pandas as pd

    user_codes, users = pd.factorize(ratings["user"])
    item_codes, items = pd.factorize(ratings["item"])
    known = pd.Index(user_codes * len(items) + item_codes)
    user_texts, item_texts = pd.Index(list(map(str, users))), pd.Index(list(map(str, items)))

    def rows_of(file: PairFile) -> np.ndarray:
        user = user_texts.get_indexer(pd.Index(file.users))
        item = item_texts.get_indexer(pd.Index(file.items))
        numbers = np.where((user < 0) | (item < 0), -1, user * len(items) + item)
        found: np.ndarray = known.get_indexer(pd.Index(numbers))
        return found

    return rows_of


def _check_known(file: PairFile, unknown: np.ndarray) -> None:
    if unknown.any():
        more = (
            f" (nor {count:,} more pairs of the file)" if (count := int(unknown.sum()) - 1) else ""
        )
        raise DataError(f"{file.pair(int(unknown.argmax()))}: the data has no such rating{more}")


def _check_apart(files: Files, rows: Rows) -> None:
    """Raise DataError for the first pair that is in two files; twice in one file does no harm."""
    import numpy as np

    for first, second in itertools.combinations(files, 2):
        shared = np.isin(rows[second], rows[first])
        if shared.any():
            here, row = int(shared.argmax()), rows[second][shared.argmax()]
            other = files[first].place(int((rows[first] == row).argmax()))
            raise DataError(
                f"{files[second].pair(here)}: is in {other} too; a rating belongs to one part of "
                "a split"
            )


def _complete(ratings: pd.DataFrame, files: Files, rows: Rows) -> dict[str, np.ndarray]:
    """Return the rows of every part in rising order; those in no file train, if no file says what
    trains.
    """
    import numpy as np

    named = np.zeros(len(ratings), dtype=bool)
    for found in rows.values():
        named[found] = True
    parts = {part: np.unique(found) for part, found in rows.items()}
    if "train" not in files:
        return {**parts, "train": np.flatnonzero(~named)}
    if not named.all():
        raise _left_over(ratings, files, ~named)
    return parts


def _left_over(ratings: pd.DataFrame, files: Files, left: np.ndarray) -> DataError:
    user, item = ratings[["user", "item"]].iloc[int(left.argmax())]
    names = " or ".join(file.path.name for file in files.values())
    return DataError(
        f"{int(left.sum()):,} of {len(ratings):,} ratings are not named in {names}; the first is "
        f"user {user}, item {item}; name them there, or leave out `train` to train on all that "
        "no other file names"
    )
