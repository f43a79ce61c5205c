"""What a split function may give, and which claims are about things that are not measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest

from cfplug import DataError, PluginError, Split
from cfplug.evaluation.folds import in_fold, measured, named, unmeasured
from cfplug.recipe.recipe import Claim

HALVES = Split(np.arange(3), np.arange(3, 5))
THIRDS = Split(np.arange(2), np.arange(2, 4), np.arange(4, 5))


def test_one_split_has_the_empty_name_and_folds_keep_theirs_and_their_order() -> None:
    assert named(HALVES) == {"": HALVES}
    folds = {"u2": HALVES, "fold 1": THIRDS, "é": HALVES}
    assert list(named(MappingProxyType(folds)).items()) == list(folds.items())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "split gave NoneType, not a Split"),
        ([HALVES], "split gave list, not a Split"),
        ({}, "split gave a mapping without folds; it needs at least one"),
        ({"u1": HALVES, "u2": ([0], [1])}, "split gave tuple as fold u2, not a Split"),
        (
            {"u1": HALVES, "u/2": HALVES},
            "split gave a fold called 'u/2'; a fold's name is text that can name a folder",
        ),
        ({"": HALVES}, "split gave a fold called ''; a fold's name is text that can name a folder"),
        ({3: HALVES}, "split gave a fold called 3; a fold's name is text that can name a folder"),
        (
            {"a\nb": HALVES},
            "split gave a fold called 'a\\nb'; a fold's name is text that can name a folder",
        ),
    ],
)
def test_anything_but_a_split_or_folds_is_an_error_of_the_plugin(given: object, text: str) -> None:
    with pytest.raises(PluginError) as caught:
        named(given)
    assert str(caught.value) == text


def test_models_are_measured_on_the_parts_that_they_did_not_learn_from() -> None:
    assert list(measured(HALVES)) == ["valid"]
    assert {part: rows.tolist() for part, rows in measured(THIRDS).items()} == {
        "valid": [2, 3],
        "test": [4],
    }


@pytest.mark.parametrize(
    ("claim", "folds", "expected"),
    [
        ({}, {"": HALVES}, []),
        ({"fold": "u1"}, {"u1": HALVES}, []),
        ({"part": "test"}, {"u1": THIRDS, "u2": THIRDS}, []),
        ({"part": "test", "fold": "u2"}, {"u1": HALVES, "u2": THIRDS}, []),
        ({"part": "test"}, {"": HALVES}, [("part", "test is not measured; valid will be")]),
        (
            {"part": "test"},
            {"u1": HALVES, "u2": THIRDS},
            [("part", "test is not measured; valid will be")],
        ),
        (
            {"fold": "u3", "part": "test"},
            {"u1": HALVES, "u2": HALVES},
            [("fold", "the split has no fold called 'u3' (it has u1, u2)")],
        ),
        (
            {"fold": "u1"},
            {"": HALVES},
            [("fold", "the split has no fold called 'u1' (it gives one split, without a name)")],
        ),
    ],
)
def test_a_claim_about_what_will_not_be_measured_is_reported_with_its_key(
    claim: dict[str, str], folds: Mapping[str, Split], expected: list[tuple[str, str]]
) -> None:
    assert list(unmeasured(Claim("mse", at_most=1, **claim), folds)) == expected


def test_an_error_names_its_fold_if_it_has_one() -> None:
    for fold, notes in (("u1", ["in fold u1"]), ("", None)):
        with pytest.raises(DataError) as caught, in_fold(fold):
            raise DataError("a row is lost")
        assert getattr(caught.value, "__notes__", None) == notes
