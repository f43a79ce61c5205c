"""Turn ids into codes and back.

An *id* is the label in the file; a *code* is its position in the catalogue of one side. Ids are
matched by value: 17 and "17" are one id unless the catalogue has both.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset
from cfplug.errors import DataError

Side = str
"""`user` or `item`."""

SIDES: tuple[Side, Side] = ("user", "item")
VECTOR: Mapping[Side, str] = {"user": "user vector", "item": "item vector"}
"""The context columns that replace all that was learned about an id."""

UNKNOWN = -1
"""The code of an id that the catalogue does not have."""

NEAREST = 5
"""The most names in a message about an unknown or ambiguous one."""

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,99})")
"""A whole number as people write it; int() would refuse text of more digits."""


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
        """Return the codes of `values`, int64 of shape (n,), UNKNOWN for ids that are not here.

        Args:
            values: n ids.

        Raises:
            DataError: a value cannot be an id here: text where all ids are whole numbers, or only
                numbers where all ids are text. Those are mistakes, not new ids.
        """
        if isinstance(values, pd.Series | np.ndarray):
            if values.dtype == np.int64 and self._types == {int}:
                return self._index.get_indexer(pd.Index(values))
            values = values.tolist()
        asked = list(values)
        codes = np.array([self._code(row, value) for row, value in enumerate(asked)], np.int64)
        asked_text = any(isinstance(each, str) for each in asked)
        if asked and not asked_text and (codes == UNKNOWN).all() and self._all_text:
            raise DataError(self._wrong_type(asked[0]), row=0, column=self.side)
        return codes

    @functools.cached_property
    def _all_text(self) -> bool:
        """Return whether no id is, or reads as, a whole number."""
        return all(isinstance(each, str) and not WHOLE.fullmatch(each) for each in self.ids)

    @functools.cached_property
    def _index(self) -> pd.Index[Any]:
        return pd.Index(self.ids, dtype="int64")

    def _code(self, row: int, value: object) -> int:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise DataError(self._wrong_type(value), row=row, column=self.side)
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
        kinds = {frozenset([int]): "whole numbers", frozenset([str]): "text"}
        kind = kinds.get(self._types, "whole numbers and text")
        example = f", such as {self.ids[0]!r}" if self.ids else ""
        return f"the {self.side} ids are {kind}{example}; asked for {value!r}"

    def find(self, name: object) -> int:
        """Return the code of what a person calls `name`.

        Args:
            name: an id; a label; a label in another case; or a part of one label alone. The first
                of these that fits counts.

        Raises:
            DataError: several ids fit, which it lists; or none, and it lists the nearest labels.
        """
        code = self._by_id(name)
        if code != UNKNOWN:
            return code
        for codes in self._by_label(name):
            if len(codes) == 1:
                return codes[0]
            if codes:
                raise DataError(self._several(str(name), codes))
        raise DataError(f"no {self.side} is called {name!r}{self._nearest(str(name))}")

    def _by_id(self, name: object) -> int:
        """Return the code of the id `name`, or UNKNOWN, as for text that may be a label."""
        try:
            return int(self.encode([name])[0])
        except DataError as error:
            if self.labels is None or not isinstance(name, str):
                raise DataError(error.message) from None
            return UNKNOWN

    def _by_label(self, name: object) -> Iterator[list[int]]:
        """Yield the codes that `name` fits, strictest first; a part of an id does not fit."""
        if not isinstance(name, str) or not name.strip():
            return
        name = name.strip()
        labels = [self.label(code) for code in range(len(self))]
        yield [code for code, label in enumerate(labels) if label == name]
        folded = name.casefold()
        labels = [label.casefold() for label in labels]
        yield [code for code, label in enumerate(labels) if label == folded]
        if self.labels is not None:
            yield [code for code, label in enumerate(labels) if folded in label]

    def _several(self, name: str, codes: list[int]) -> str:
        codes = sorted(codes, key=lambda code: len(self.label(code)))
        names = [f"{self.label(code)!r} (id {self.ids[code]})" for code in codes[:NEAREST]]
        if len(codes) > NEAREST:
            names.append("...")
        found = ", ".join(names)
        return f"{len(codes)} {self.side}s are called {name!r}, in whole or in part: {found}"

    def _nearest(self, name: str) -> str:
        """Return the end of a message: the labels most like `name`, or starting most like it."""
        folded = name.strip().casefold()
        if not folded or (self.labels is None and self._types == {int}):
            return ""
        called: dict[str, list[str]] = {}
        for label in dict.fromkeys(self.label(code) for code in range(len(self))):
            lower = label.casefold()
            for text in {lower, lower[: len(folded)]}:
                called.setdefault(text, []).append(label)
        close = difflib.get_close_matches(folded, called, n=NEAREST, cutoff=0.7)
        found = dict.fromkeys(label for match in close for label in called[match])
        names = list(found)[:NEAREST]
        return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""

    def decode(self, codes: Iterable[int]) -> list[int | str]:
        """Return the ids of `codes`.

        Raises:
            DataError: a code is UNKNOWN.
        """
        codes = list(codes)
        if any(code < 0 for code in codes):
            raise DataError(f"no {self.side} has the code {UNKNOWN}", column=self.side)
        return [self.ids[code] for code in codes]

    def label(self, code: int) -> str:
        """Return what people read for `code`: its label, or its id."""
        return self.labels[code] if self.labels is not None else str(self.ids[code])

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as plain data for JSON; numbers stay numbers, text stays text."""
        labels = None if self.labels is None else list(self.labels)
        return {"ids": list(self.ids), "labels": labels}

    @classmethod
    def from_json(cls, side: Side, data: Mapping[str, Any]) -> Vocabulary:
        """Return the vocabulary that `to_json` gave."""
        labels = data["labels"]
        return cls(side, tuple(data["ids"]), None if labels is None else tuple(labels))


def vocabulary(dataset: Dataset, side: Side) -> Vocabulary:
    """Return the vocabulary of one side: all its known ids in the order of their table."""
    table = f"{side}s"
    frame = dataset.tables()[table]
    name = dataset.label(table)
    labels = None
    if name is not None:
        shown = frame[name].astype(object).where(frame[name].notna(), frame[side].map(str))
        labels = tuple(map(str, shown))
    return Vocabulary(side, tuple(frame[side].tolist()), labels)
