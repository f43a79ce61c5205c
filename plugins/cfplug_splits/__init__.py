"""Which ratings train and which validate: drawn at random, or as someone else has split them."""

from __future__ import annotations

import codecs
from pathlib import Path

from attrs import frozen

import cfplug


@frozen
class RandomParams:
    """Rows drawn at random, by a rule that stays the same across versions and machines.

    For n ratings in the source's order and the recipe's seed s, the first round(valid n) of
    `numpy.random.RandomState(s).permutation(n)` validate, the next round(test n) test, the others train.
    """

    valid: float = cfplug.param(0.2, above=0, below=1, help="the part of the ratings that validates")
    test: float = cfplug.param(0.0, at_least=0, below=1, help="the part of the ratings that tests")

    def __attrs_post_init__(self) -> None:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid and test: must leave something to train; are {self.valid:g} and {self.test:g}")


@frozen
class PredefinedParams:
    """A split that comes with the data, such as a fold, or files such as u1.base and u1.test.

    Each row of such a file begins with a user and an item; further cells, such as the rating, are not
    looked at. Ids are matched by value: the text 17 is the number 17.
    """

    fold: str | None = cfplug.param(None, help="the name of a split that the data source has, such as u1")
    train: Path | None = cfplug.param(
        None, help="the file of training pairs; null trains on every rating that no other file names"
    )
    valid: Path | None = cfplug.param(None, help="the file of validation pairs")
    test: Path | None = cfplug.param(None, help="the file of test pairs")
    separator: str = cfplug.param("tab", help="what stands between two cells of the files")
    encoding: str = cfplug.param("utf-8", help="the encoding of the files, such as latin-1")
    header: bool = cfplug.param(False, help="whether the first row of each file names its columns")

    def __attrs_post_init__(self) -> None:
        files = [name for name in ("train", "valid", "test") if getattr(self, name) is not None]
        if self.fold is not None and files:
            raise ValueError(f"give fold or files, not both; there are fold and {' and '.join(files)}")
        if self.fold is None and self.valid is None:
            raise ValueError("give the name of a fold (fold: u1) or a file of validation pairs (valid: u1.test)")
        if self.separator in ("", "\n", "\r"):
            raise ValueError(f"separator: must be text within a line; is {self.separator!r}")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: Python knows no encoding called {self.encoding!r}") from None

    def files(self) -> dict[str, Path]:
        """The files that are given, by the part of the split that they name."""
        given = {"train": self.train, "valid": self.valid, "test": self.test}
        return {part: path for part, path in given.items() if path is not None}


@cfplug.hookimpl
def cfplug_splits() -> list[cfplug.Splitter]:
    return [
        cfplug.Splitter("random", RandomParams, split="cfplug_splits.chance:split"),
        cfplug.Splitter("predefined", PredefinedParams, split="cfplug_splits.predefined:split"),
    ]
