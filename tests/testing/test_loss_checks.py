"""Each broken loss of the zoo is caught by the check that is meant for it, and by no other."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from cfplug.plugin.registry import load
from cfplug.testing import Item, items, outcome
from cfplug.testing.checks.losses import CHECKS

MUTANTS = Path(__file__).parents[1] / "zoo" / "mutants"

CAUGHT: dict[str, tuple[str, ...]] = {
    "sound": (),
    "sound-levels": (),
    "level-bound": ("builds-on-every-scale",),
    "unseeded": ("same-seed-same-head",),
    "overflowing": ("loss-is-one-finite-number",),
    "half-hearted": ("gradient-is-right",),
    "wrong-sign": ("perfect-output-gives-the-least-loss",),
    "off-by-one": ("perfect-output-gives-the-least-loss", "distribution-sums-to-one"),
    "off-scale": ("decode-is-a-rating-a-row",),
    "unfinished": ("distribution-sums-to-one",),
    "favouring": ("row-order-does-not-matter",),
    "batch-centring": ("batch-equals-one-by-one",),
    "clipping": ("input-not-changed",),
    # Without a gradient, or without one number, nothing can be trained
    "detached": ("gradient-is-right", "perfect-output-gives-the-least-loss", "trains-a-model"),
    "row-losing": (
        "loss-is-one-finite-number",
        "gradient-is-right",
        "perfect-output-gives-the-least-loss",
        "row-order-does-not-matter",
        "trains-a-model",
    ),
}
"""The checks that each mutant breaks, in the order in which they are tried."""

SAYS = {
    "level-bound/builds-on-every-scale": (
        "for the scale -2.5 to 7.25 (no levels) build raised DataError: level-bound needs rating levels"
    ),
    "off-by-one/perfect-output-gives-the-least-loss": (
        "on the scale 1 to 5 (whole stars): the outputs with the least loss for a rating of 1 decode to 2"
    ),
    "off-by-one/distribution-sums-to-one": (
        "on the scale 1 to 5 (whole stars): the outputs of least loss for 1 make the likeliest level 2"
    ),
    "detached/gradient-is-right": (
        "the loss has no gradient: something on its way is detached, or goes through numpy"
    ),
    "row-losing/loss-is-one-finite-number": (
        "loss of 1 rows must be one number, a tensor of shape (); it is (1,)"
    ),
    "off-scale/decode-is-a-rating-a-row": "decode to 5.1",
    "clipping/input-not-changed": "decode changed the outputs",
}
"""What an author is told: the whole of it, or the part that does not hang on the drawn numbers."""


@functools.cache
def of_plugin() -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items("mutant-losses", registry=load([MUTANTS])):
        kind, _, rest = item.id.partition("/")
        if kind == "loss":
            found.setdefault(rest.partition("/")[0], []).append(item)
    return found


def test_the_table_names_every_mutant() -> None:
    assert set(CAUGHT) == set(of_plugin())


@pytest.mark.parametrize("mutant", CAUGHT)
def test_a_mutant_is_caught_by_the_check_meant_for_it_and_by_no_other(mutant: str) -> None:
    outcomes = {item.check.name: outcome(item) for item in of_plugin()[mutant]}
    assert [name for name, each in outcomes.items() if not each.good] == list(CAUGHT[mutant])
    for name in CAUGHT[mutant]:
        assert SAYS.get(f"{mutant}/{name}", "") in outcomes[name].message


def test_every_law_of_losses_has_its_mutant() -> None:
    assert {check.name for check in CHECKS} == {name for names in CAUGHT.values() for name in names}
