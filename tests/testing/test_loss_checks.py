"""Every broken loss of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools

import pytest

from cfplug.testing import Item
from cfplug.testing.checks.losses import CHECKS
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

EXPECTED: Expected = {
    "plugin": {},
    "loss/sound": {},
    "loss/sound-levels": {},
    "loss/level-bound": {
        "builds-on-every-scale": (
            "build for the scale -2.5 to 7.25 (no levels): expected no error, got DataError: "
            "level-bound needs rating levels."
        )
    },
    "loss/unseeded": {"same-seed-same-head": ""},
    "loss/overflowing": {"loss-is-one-finite-number": ""},
    "loss/half-hearted": {"gradient-is-right": ""},
    "loss/wrong-sign": {"perfect-output-gives-the-least-loss": ""},
    "loss/off-by-one": {
        "perfect-output-gives-the-least-loss": (
            "decode of the outputs with the least loss on the scale 1 to 5 (whole stars): "
            "expected 1, got 2..."
        ),
        "distribution-sums-to-one": (
            "distribution of the outputs with the least loss on the scale 1 to 5 (whole stars): "
            "expected 1 as the likeliest level, got 2"
        ),
    },
    "loss/off-scale": {
        "decode-gives-one-rating-per-row": "...expected a finite rating from 1 to 5, got 5.1..."
    },
    "loss/unfinished": {"distribution-sums-to-one": ""},
    "loss/favouring": {"row-order-does-not-matter": ""},
    "loss/batch-centring": {"batch-equals-one-by-one": ""},
    "loss/clipping": {"input-not-changed": "outputs after decode: expected ... Work on a copy."},
    # Without a gradient, or without one number, nothing can be trained
    "loss/detached": {
        "gradient-is-right": (
            "loss: expected a gradient, got none. Use torch functions alone, without detach."
        ),
        "perfect-output-gives-the-least-loss": "",
        "trains-a-model": "",
    },
    "loss/row-losing": {
        "loss-is-one-finite-number": "loss of 1 rows: expected the shape (), got (1,)",
        "gradient-is-right": "",
        "perfect-output-gives-the-least-loss": "",
        "row-order-does-not-matter": "",
        "trains-a-model": "",
    },
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-losses")


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)
