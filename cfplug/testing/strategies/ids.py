"""Strategies for ids of users or items: whole numbers, texts and both; plain and hostile."""

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

HOSTILE = (
    *("a,b", "a;b", "a|b", "a\tb", "a\nb", "a\r\nb", 'say "hi"', "it's", "\\", "a/b"),
    *("../up", "=1+1", "#x", "- x", "*"),
    *("<b>x</b>", "</script><script>alert(1)</script>", "&amp;", "{{x}}", "{0}", "%s"),
    *("[link](x)", "`x`", "$x$"),
    *("007", "7", "-0", "1e5", "1.0", "0x10", "nan", "NaN", "None", "null", "true", "no"),
    *("inf", "<NA>"),
    *(" x ", "x", "X", "x\u00a0", "\ufeffx", "\u200b", "é", "e\u0301", "ß", "SS", "İ"),
    *("\u0131", "user", "x" * 300),
    *("Größe", "映画", "Ωmega", "שלום", "\u202eabc", "مرحبا", "👩\u200d👧", "🎬", "\U0001d518"),
)
"""Texts that careless code breaks: separators, markup, numbers, look-alikes, scripts."""


@functools.cache
def texts(max_size: int = 8) -> SearchStrategy[str]:
    """Draw texts that a cell or an id may be: not blank, within UTF-8; a third of them hostile.

    >>> texts().example()
    '<b>x</b>'
    """
    plain = st.text("abcdefghij", min_size=1, max_size=max_size)
    wild = st.text(st.characters(codec="utf-8"), min_size=1, max_size=max_size)
    return plain | st.sampled_from(HOSTILE) | wild.filter(lambda text: bool(text.strip()))


@functools.cache
def _whole_numbers() -> SearchStrategy[int]:
    return st.integers(0, 200) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(BIG)


@functools.cache
def ids(
    kind: Kind | None = None, *, min_size: int = 1, max_size: int = 10
) -> SearchStrategy[list[Id]]:
    """Draw the ids of users or items: a list without repeats.

    >>> ids("mixed").example()
    [0, '7', 'a,b']

    Texts may have blanks around them, look like numbers (7 and "7" are two ids where a column has
    both), be of any script, or hold a line break: all that a Dataset accepts. A list shrinks to
    0, 1, 2 or to "a", "b".

    Args:
        kind: Whole numbers of 64 bits, texts, or both, at least one of each if the list may have
            two ids; by default any of the three.
        min_size: The smallest number of ids.
        max_size: The largest number of ids.
    """
    if kind is None:
        return st.one_of(*(ids(each, min_size=min_size, max_size=max_size) for each in KINDS))
    if kind == "mixed" and max_size > 1:
        return _mixed(max(min_size, 2), max_size)
    one: SearchStrategy[Id] = _whole_numbers() if kind == "whole" else texts()
    return st.lists(one, min_size=min_size, max_size=max_size, unique=True)


def _mixed(min_size: int, max_size: int) -> SearchStrategy[list[Id]]:
    """Draw whole numbers and texts in any order; the second is of the other kind than the first."""
    number, text = _whole_numbers(), texts()
    first = st.tuples(number, text) | st.tuples(text, number)
    rest = st.lists(number | text, min_size=min_size, max_size=max_size, unique=True)

    def joined(first: tuple[Id, Id], rest: list[Id]) -> list[Id]:
        return list(dict.fromkeys([*first, *rest]))[:max_size]

    return st.builds(joined, first, rest)


def unknown_ids(dataset: Dataset, side: Literal["user", "item"]) -> SearchStrategy[Id]:
    """Draw ids that the dataset does not have, of the kind that its own ids are.

    >>> unknown_ids(dataset, "user").example()
    17

    Args:
        dataset: The dataset.
        side: Whether the ids are of users or items.

    Returns:
        A strategy of whole numbers if all ids are whole numbers, else of texts that do not look
        like numbers, so that they are new ids and not mistyped ones.
    """
    known = set(dataset.tables()[f"{side}s"][side].tolist())
    taken = known | {str(each) for each in known} | {str(each).strip() for each in known}
    one: SearchStrategy[Id] = texts().map("new {}".format)
    if all(isinstance(each, int) for each in known):
        one = _whole_numbers()
    return one.filter(lambda value: value not in taken and str(value) not in taken)
