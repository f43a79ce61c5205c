"""Strategies for the ids of one side: whole numbers, texts, both in one column; plain ones and hostile ones."""

from __future__ import annotations

import functools
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cfplug.data.dataset import Dataset

Id = int | str
Kind = Literal["whole", "text", "mixed"]
KINDS: tuple[Kind, ...] = ("whole", "text", "mixed")

BIG = (2**63 - 1, -(2**63), 2**53 + 1, 2**53, 2**31, -1, 0, 10**12)
"""Whole numbers that a cast to 32 bits or to a float changes."""

_CELLS = (
    "a,b",
    "a;b",
    "a|b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    'say "hi"',
    "it's",
    "\\",
    "a/b",
    "../up",
    "=1+1",
    "#x",
    "- x",
    "*",
)
_MARKUP = (
    "<b>x</b>",
    "</script><script>alert(1)</script>",
    "&amp;",
    "{{x}}",
    "{0}",
    "%s",
    "[link](x)",
    "`x`",
    "$x$",
)
_NUMBERS = (
    "007",
    "7",
    "-0",
    "1e5",
    "1.0",
    "0x10",
    "nan",
    "NaN",
    "None",
    "null",
    "true",
    "no",
    "inf",
    "<NA>",
)
_ALIKE = (
    " x ",
    "x",
    "X",
    "x\u00a0",
    "\ufeffx",
    "\u200b",
    "é",
    "e\u0301",
    "ß",
    "SS",
    "İ",
    "\u0131",
    "user",
    "x" * 300,
)
_SCRIPTS = (
    "Größe",
    "映画",
    "Ωmega",
    "שלום",
    "\u202eabc",
    "مرحبا",
    "👩\u200d👧",
    "🎬",
    "\U0001d518",
)

HOSTILE = (*_CELLS, *_MARKUP, *_NUMBERS, *_ALIKE, *_SCRIPTS)
"""Texts that break what writes or reads them without care: cells, markup, numbers in disguise, look-alikes, scripts."""


@functools.cache
def texts(max_size: int = 8) -> SearchStrategy[str]:
    """Texts that a cell or an id may hold: not blank, and within UTF-8; a third of them hostile.

    >>> texts().example()
    '<b>x</b>'
    """
    plain = st.text("abcdefghij", min_size=1, max_size=max_size)
    wild = st.text(st.characters(codec="utf-8"), min_size=1, max_size=max_size).filter(
        lambda text: bool(text.strip())
    )
    return plain | st.sampled_from(HOSTILE) | wild


@functools.cache
def whole_ids() -> SearchStrategy[int]:
    """Whole numbers of 64 bits: small ones, big ones, zero and negative ones."""
    return st.integers(0, 200) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(BIG)


@functools.cache
def ids(
    kind: Kind | None = None, *, min_size: int = 1, max_size: int = 10
) -> SearchStrategy[list[Id]]:
    """The ids of one side, none of them twice: a column of whole numbers, of texts, or of both.

    >>> ids("mixed").example()
    [0, '7', 'a,b']

    Texts may be padded with blanks, numbers in disguise (7 and "7" are two ids where a column has
    both), of any script, or hold a line break: all that a Dataset takes. A list shrinks to 0, 1, 2
    or to "a", "b". A mixed list has at least one number and one text, unless it may have one id
    only, which is a text."""
    if kind is None:
        return st.one_of(*(ids(each, min_size=min_size, max_size=max_size) for each in KINDS))
    if kind == "mixed" and max_size > 1:
        return _mixed(max(min_size, 2), max_size)
    one: SearchStrategy[Id] = whole_ids() if kind == "whole" else texts()
    return st.lists(one, min_size=min_size, max_size=max_size, unique=True)


def _mixed(min_size: int, max_size: int) -> SearchStrategy[list[Id]]:
    """Whole numbers and texts in any order; the second is of the other kind than the first."""
    number, text = whole_ids(), texts()
    first = st.tuples(number, text) | st.tuples(text, number)
    rest = st.lists(number | text, min_size=min_size, max_size=max_size, unique=True)
    return st.builds(
        lambda first, rest: list(dict.fromkeys([*first, *rest]))[:max_size], first, rest
    )


def unknown_ids(dataset: Dataset, side: Literal["user", "item"]) -> SearchStrategy[Id]:
    """Ids of one side that the dataset does not know, of the kind that its own ids are.

    >>> unknown_ids(dataset, "user").example()
    17

    A whole number among whole numbers, else a text that reads as no number: what asks for one is a
    newcomer, and no slip of the hand that deserves an error."""
    known = set(dataset.tables()[f"{side}s"][side].tolist())
    taken = known | {str(each) for each in known} | {str(each).strip() for each in known}
    one: SearchStrategy[Id] = (
        whole_ids()
        if all(isinstance(each, int) for each in known)
        else texts().map("new {}".format)
    )
    return one.filter(lambda value: value not in taken and str(value) not in taken)
