"""Ids -> codes and back: the vocabularies that an artifact keeps, and the batches that models see.

An *id* is the label in the file; a *code* is its position in the catalogue of one side. Ids are
matched by value: 17 and "17" are one id unless the catalogue has both.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset
from cfplug.errors import DataError

if TYPE_CHECKING:
    pass

Side = str
"""`user` or `item`."""

SIDES: tuple[Side, Side] = ("user", "item")
VECTOR: Mapping[Side, str] = {"user": "user vector", "item": "item vector"}
"""Where a batch brings what stands in the place of all that was learned of an id."""

UNKNOWN = -1
"""The code of an id that the catalogue does not have."""

NEAREST = 5
"""How many names a message on an unknown or doubtful one tells."""

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,99})")
"""A whole number as people write it; text of more digits is no number, and int() would refuse it."""


@frozen(eq=False)
class Vocabulary:
    """The ids of one side in the order of their codes, and the labels that people read, if any."""

    side: Side
    ids: tuple[int | str, ...]
    labels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def _codes(self) -> dict[int | str, int]:
        return {value: code for code, value in enumerate(self.ids)}

    @functools.cached_property
    def _types(self) -> frozenset[type]:
        return frozenset(type(value) for value in self.ids)

    def encode(self, values: Iterable[object]) -> np.ndarray:
        """Codes of `values`, int64 of shape (n,), with UNKNOWN for ids that the catalogue lacks.

        DataError for what cannot be an id of this catalogue: a word where all ids are whole
        numbers, or nothing but numbers where all ids are words. Those are mistakes, not newcomers.
        """
        if (
            isinstance(values, pd.Series | np.ndarray)
            and values.dtype == np.int64
            and self._types == {int}
        ):
            return self._index.get_indexer(pd.Index(values))
        asked = values.tolist() if isinstance(values, pd.Series | np.ndarray) else list(values)
        codes = np.fromiter(
            (self._code(row, value) for row, value in enumerate(asked)), np.int64, len(asked)
        )
        if (
            asked
            and (codes == UNKNOWN).all()
            and self._only_words
            and not any(isinstance(each, str) for each in asked)
        ):
            raise DataError(self._wrong_type(asked[0]), row=0, column=self.side)
        return codes

    @functools.cached_property
    def _only_words(self) -> bool:
        """Whether no id is, or reads as, a whole number."""
        return all(isinstance(each, str) and not WHOLE.fullmatch(each) for each in self.ids)

    @functools.cached_property
    def _index(self) -> pd.Index[Any]:
        return pd.Index(self.ids, dtype="int64")

    def _code(self, row: int, value: object) -> int:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool | None) or not isinstance(value, int | str | float):
            raise DataError(self._wrong_type(value), row=row, column=self.side)
        if isinstance(value, float):
            if not value.is_integer():
                raise DataError(self._wrong_type(value), row=row, column=self.side)
            value = int(value)
        if value in self._codes:
            return self._codes[value]
        if isinstance(value, int):
            return self._codes.get(str(value), UNKNOWN)
        if WHOLE.fullmatch(value.strip()):
            return self._codes.get(int(value), UNKNOWN)
        if self._types == {int}:
            raise DataError(self._wrong_type(value), row=row, column=self.side)
        return UNKNOWN

    def _wrong_type(self, value: object) -> str:
        kind = {frozenset([int]): "whole numbers", frozenset([str]): "text"}.get(
            self._types, "whole numbers and text"
        )
        example = f", such as {self.ids[0]!r}" if self.ids else ""
        return f"the {self.side} ids are {kind}{example}; asked for {value!r}"

    def find(self, name: object) -> int:
        """The code of what a person calls `name`: its id, its label, that in any case, or a part of one label alone.

        The first of these that fits counts. DataError if several ids fit it, with their ids and
        labels, and if none does, with the labels that are nearest."""
        code = self._by_id(name)
        if code != UNKNOWN:
            return code
        for fits in self._ways(name.strip()) if isinstance(name, str) and name.strip() else ():
            codes = [code for code in range(len(self)) if fits(self.label(code))]
            if len(codes) == 1:
                return codes[0]
            if codes:
                raise DataError(self._several(str(name), codes))
        raise DataError(f"no {self.side} is called {name!r}{self._nearest(str(name))}")

    def _by_id(self, name: object) -> int:
        """The code of the id `name`, or UNKNOWN; where ids have labels, a word among whole numbers may be one."""
        try:
            return int(self.encode([name])[0])
        except DataError as error:
            if self.labels is None or not isinstance(name, str):
                raise DataError(error.message) from None
            return UNKNOWN

    def _ways(self, name: str) -> tuple[Callable[[str], bool], ...]:
        """What a label may have to do with `name`, from the closest to the loosest; a part of an id is no name."""
        folded = name.casefold()
        whole = (lambda label: label == name, lambda label: label.casefold() == folded)
        return whole if self.labels is None else (*whole, lambda label: folded in label.casefold())

    def _several(self, name: str, codes: list[int]) -> str:
        codes = sorted(codes, key=lambda code: len(self.label(code)))
        told = ", ".join(f"{self.label(code)!r} (id {self.ids[code]})" for code in codes[:NEAREST])
        more = ", ..." if len(codes) > NEAREST else ""
        return f"{len(codes)} {self.side}s are called {name!r}, in whole or in part: {told}{more}"

    def _nearest(self, name: str) -> str:
        """The end of a message: the labels most like `name`, each measured whole and by as much of its beginning."""
        folded = name.strip().casefold()
        if not folded or (self.labels is None and self._types == {int}):
            return ""
        labels = {self.label(code): self.label(code).casefold() for code in range(len(self))}
        heads = {part for label in labels.values() for part in (label, label[: len(folded)])}
        close = difflib.get_close_matches(folded, heads, n=NEAREST, cutoff=0.7)
        found = [
            label
            for head in close
            for label, whole in labels.items()
            if head in (whole, whole[: len(folded)])
        ]
        words = list(dict.fromkeys(found))[:NEAREST]
        return f"; did you mean {' or '.join(map(repr, words))}?" if words else ""

    def decode(self, codes: Iterable[int]) -> list[int | str]:
        """The ids of `codes`; DataError for UNKNOWN, which stands for none."""
        codes = list(codes)
        if any(code < 0 for code in codes):
            raise DataError(f"the code {UNKNOWN} stands for no {self.side}", column=self.side)
        return [self.ids[code] for code in codes]

    def label(self, code: int) -> str:
        """What a person reads for `code`: its label, or its id."""
        return self.labels[code] if self.labels is not None else str(self.ids[code])

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON holds it: whole numbers stay numbers, text stays text."""
        return {"ids": list(self.ids), "labels": None if self.labels is None else list(self.labels)}

    @classmethod
    def from_json(cls, side: Side, data: Mapping[str, Any]) -> Vocabulary:
        labels = data["labels"]
        return cls(side, tuple(data["ids"]), None if labels is None else tuple(labels))


def vocabulary(dataset: Dataset, side: Side) -> Vocabulary:
    """The catalogue of one side: all its known ids in the order of their table."""
    table = f"{side}s"
    frame = dataset.tables()[table]
    name = dataset.label(table)
    labels = None
    if name is not None:
        shown = frame[name].astype(object).where(frame[name].notna(), frame[side].map(str))
        labels = tuple(map(str, shown))
    return Vocabulary(side, tuple(frame[side].tolist()), labels)
