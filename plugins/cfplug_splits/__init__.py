"""Splits of ratings: at random, by time, by new users and items, or as they come with the data."""

from __future__ import annotations

import codecs
from pathlib import Path

from attrs import frozen

import cfplug
from cfplug.errors import ParameterError


@frozen
class RandomParams:
    """Rows drawn at random, by a rule that stays the same across versions and machines.

    For n ratings in the source's order and the recipe's seed s, the first round(valid n) of
    `numpy.random.RandomState(s).permutation(n)` validate, the next round(test n) test, the others
    train.
    """

    valid: float = cfplug.param(
        0.2, above=0, below=1, help="the part of the ratings that validates"
    )
    test: float = cfplug.param(0.0, at_least=0, below=1, help="the part of the ratings that tests")

    def __attrs_post_init__(self) -> None:
        _check_left(self.valid, self.test)


_COLUMN = (
    "the column with the role time to split by; null takes `time`, or the only one of that role"
)


@frozen
class ByTimeParams:
    """The newest ratings validate: one cut in time for all users.

    Ratings of one time are never split. Of n ratings the newest round(test n) test, the
    round(valid n) before them validate, the others train; each cut is between two different
    times, where the part that it begins comes nearest to that size, and is rather larger than
    smaller where two are equally near. No part is empty. The seed changes nothing, nor does the
    order of the rows.
    """

    valid: float = cfplug.param(
        0.2, above=0, below=1, help="the part of the ratings that validates"
    )
    test: float = cfplug.param(
        0.0, at_least=0, below=1, help="the part of the ratings that tests, the very newest"
    )
    column: str | None = cfplug.param(None, help=_COLUMN)

    def __attrs_post_init__(self) -> None:
        _check_left(self.valid, self.test)


@frozen
class LeaveLastParams:
    """The last ratings of each user validate; all that the user gave before train.

    A user's ratings go by their time, those of one time by their order in the table. The last
    `test` of them test, the `valid` before these validate. A user with fewer than valid + test +
    keep ratings stays wholly in training. One user's last rating may be older than what others
    train with, so training may know what came later; by-time rules that out. The seed changes
    nothing.
    """

    valid: int = cfplug.param(
        1, at_least=1, unit="ratings", help="how many of each user's ratings validate"
    )
    test: int = cfplug.param(
        0, at_least=0, unit="ratings", help="how many of each user's ratings test, the very last"
    )
    keep: int = cfplug.param(
        1,
        at_least=0,
        unit="ratings",
        help="how many must be left to train; a user with fewer is not split",
    )
    column: str | None = cfplug.param(None, help=_COLUMN)

    def needed(self) -> int:
        """Return the least number of ratings of a user who is split."""
        return self.valid + self.test + self.keep


@frozen
class KFoldParams:
    """Several splits, each run and reported on its own: drawn at random, or the data's own folds.

    A number k draws: for n ratings in the source's order and the recipe's seed s,
    `numpy.random.RandomState(s).permutation(n)` is cut into k runs, the first n mod k of them
    longer by one. Fold 1 validates on the first run and trains on all others, fold 2 on the second,
    so each rating validates once. Names, such as [u1, u2, u3, u4, u5], take the folds that the data
    source has, as they are.
    """

    folds: int | tuple[str, ...] = cfplug.param(
        5,
        at_least=2,
        help="how many folds are drawn, or the names of folds that the data source has",
    )

    def __attrs_post_init__(self) -> None:
        if isinstance(self.folds, int):
            return
        if len(self.folds) < 2:
            raise ParameterError(
                "folds",
                f"must be at least 2; names {', '.join(self.folds) or 'none'} "
                "(for one fold alone, split: {use: predefined, fold: u1})",
            )
        for name in self.folds:
            if self.folds.count(name) > 1:
                raise ParameterError(
                    "folds", f"must differ; {name} is given {self.folds.count(name)} times"
                )


@frozen
class ColdUsersParams:
    """Each user is new in one of k folds: some of its ratings may be revealed, the rest validate.

    For the n users with ratings in the order of their table and the recipe's seed s, `rng` is
    `numpy.random.RandomState(s)`; `numpy.array_split(rng.permutation(n), k)` gives the cold users
    of fold 1, 2 to k. Then `rng.permutation(number of ratings)` is the order in which ratings are
    revealed: in it the first `support` of each cold user are the support, the others validate. A
    number below 1 is a share of m ratings, round(share m). All ratings of warm users train. So each
    user is cold once, and what validates is the same for every strategy and number of revealed
    ratings. A user without ratings left counts as support alone.
    """

    folds: int = cfplug.param(5, at_least=2, help="how many folds the users are drawn into")
    support: int | float = cfplug.param(
        10,
        at_least=0,
        help="how many ratings of each cold user may be revealed; below 1 it is a share of them",
    )

    def __attrs_post_init__(self) -> None:
        _check_support(self.support)


@frozen
class ColdItemsParams:
    """Each item is new in one of k folds: the rule of cold-users with the two sides swapped.

    For the n items with ratings in the order of their table and the recipe's seed s, `rng` is
    `numpy.random.RandomState(s)`; `numpy.array_split(rng.permutation(n), k)` gives the cold items
    of fold 1, 2 to k. Then `rng.permutation(number of ratings)` is the order in which ratings are
    revealed: in it the first `support` of each cold item are the support, the others validate. A
    number below 1 is a share of m ratings, round(share m). All ratings of warm items train.
    """

    folds: int = cfplug.param(5, at_least=2, help="how many folds the items are drawn into")
    support: int | float = cfplug.param(
        0,
        at_least=0,
        help="how many ratings of each cold item may be revealed; below 1 it is a share of them",
    )

    def __attrs_post_init__(self) -> None:
        _check_support(self.support)


@frozen
class ColdBothParams:
    """Each user and each item is new in one of k folds; ratings between two new ids validate.

    For the recipe's seed s, `rng` is `numpy.random.RandomState(s)`;
    `numpy.array_split(rng.permutation(n), k)` gives the cold users of fold 1, 2 to k, of the n with
    ratings in the order of their table; the same done again gives the cold items. Then
    `rng.permutation(number of ratings)` is the order in which ratings are revealed. In each fold
    warm users' ratings of warm items train, cold users' of cold items validate, and those with one
    cold side are the support. So each id is cold once, but only about one rating in k validates at
    all.
    """

    folds: int = cfplug.param(
        5, at_least=2, help="how many folds the users, and the items, are drawn into"
    )


@frozen
class PredefinedParams:
    """A split that comes with the data, such as a fold, or files such as u1.base and u1.test.

    Each row of such a file begins with a user and an item; further cells, such as the rating, are
    not looked at. Ids are matched by value: the text 17 is the number 17.
    """

    fold: str | None = cfplug.param(
        None, help="the name of a split that the data source has, such as u1"
    )
    train: Path | None = cfplug.param(
        None,
        help="the file of training pairs; null trains on every rating that no other file names",
    )
    valid: Path | None = cfplug.param(None, help="the file of validation pairs")
    test: Path | None = cfplug.param(None, help="the file of test pairs")
    separator: str = cfplug.param("tab", help="the separator of the cells of the files")
    encoding: str = cfplug.param("utf-8", help="the encoding of the files, such as latin-1")
    header: bool = cfplug.param(False, help="whether the first row of each file names its columns")

    def __attrs_post_init__(self) -> None:
        files = [name for name in ("train", "valid", "test") if getattr(self, name) is not None]
        if self.fold is not None and files:
            raise ValueError(
                f"give fold or files, not both; there are fold and {' and '.join(files)}"
            )
        if self.fold is None and self.valid is None:
            raise ValueError(
                "give the name of a fold (fold: u1) or a file of validation pairs (valid: u1.test)"
            )
        if self.separator in ("", "\n", "\r"):
            raise ParameterError("separator", f"must be text within a line; is {self.separator!r}")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ParameterError(
                "encoding", f"Python knows no encoding called {self.encoding!r}"
            ) from None

    def files(self) -> dict[str, Path]:
        """Return the files that are given, by the part of the split that they name."""
        given = {"train": self.train, "valid": self.valid, "test": self.test}
        return {part: path for part, path in given.items() if path is not None}


def _check_left(valid: float, test: float) -> None:
    if valid + test >= 1:
        raise ValueError(
            f"valid and test: must leave something to train; are {valid:g} and {test:g}"
        )


def _check_support(support: float) -> None:
    if support >= 1 and not isinstance(support, int):
        raise ParameterError(
            "support", f"must be a whole number, or a share below 1; is {support!r}"
        )


@cfplug.hookimpl
def cfplug_splits() -> list[cfplug.SplitMethod]:
    return [
        cfplug.SplitMethod("random", RandomParams, split="cfplug_splits.random_rows:split"),
        cfplug.SplitMethod("by-time", ByTimeParams, split="cfplug_splits.by_time:split"),
        cfplug.SplitMethod("leave-last", LeaveLastParams, split="cfplug_splits.leave_last:split"),
        cfplug.SplitMethod("k-fold", KFoldParams, split="cfplug_splits.k_fold:split"),
        cfplug.SplitMethod("cold-users", ColdUsersParams, split="cfplug_splits.cold:users"),
        cfplug.SplitMethod("cold-items", ColdItemsParams, split="cfplug_splits.cold:items"),
        cfplug.SplitMethod("cold-both", ColdBothParams, split="cfplug_splits.cold:both"),
        cfplug.SplitMethod("predefined", PredefinedParams, split="cfplug_splits.predefined:split"),
    ]
