"""Laws of losses: the head turns outputs into ratings, and its objective is least where these are right."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from cfplug.data.dataset import Split
from cfplug.errors import CfplugError
from cfplug.plugin.components import DISTRIBUTION, Loss
from cfplug.recipe.recipe import Use
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.checks.loss_heads import (
    LARGE,
    SCALES,
    Case,
    built_head,
    cases,
    ends,
    few,
    gives_distribution,
    head_of,
    perfect_outputs,
    scale_words,
    scales_of,
    scales_with_head,
    slopes,
    tolerance,
)
from cfplug.testing.fixtures.pairs import asked, luck, told
from cfplug.testing.fixtures.train import Workbench, use_of
from cfplug.testing.strategies.synthetic import planted

ARRAYS = 20
"""How often a law about a few numbers is tried."""


def builds_on_every_scale(subject: Subject) -> None:
    """It gives a head for whole stars, half stars and, unless it needs levels, ratings without levels."""
    for name in scales_of(subject):
        try:
            head = built_head(subject, name)
        except CfplugError as error:
            raise BrokenLawError(
                f"for {scale_words(name)} build raised {type(error).__name__}: {error}"
            ) from error
        verbs = ("loss", "decode", *subject.component.provides)  # type: ignore[attr-defined]
        lacking = [verb for verb in verbs if not callable(getattr(head, verb, None))]
        if not isinstance(head, nn.Module) or lacking:
            raise BrokenLawError(
                f"build gave {type(head).__name__}, which has no {' and no '.join(lacking)}"
            )
        n_outputs = getattr(head, "n_outputs", None)
        if type(n_outputs) is not int or n_outputs < 1:
            raise BrokenLawError(f"n_outputs is a whole number above 0; is {n_outputs!r}")


def same_seed_same_head(subject: Subject) -> None:
    """Two heads that are built with the same seed start with the same numbers."""
    for name in scales_with_head(subject):
        heads = []
        for fortune in (1, 2):
            with luck(fortune):
                heads.append(built_head(subject, name).state_dict())
        for key, first in heads[0].items():
            if not torch.equal(first, heads[1][key]):
                raise BrokenLawError(
                    f"{key} of a second head is {few(heads[1][key])}, of the first {few(first)}; both were built "
                    "after torch.manual_seed(0): draw from torch's generator alone"
                )


def loss_is_one_finite_number(subject: Subject) -> None:
    """The loss of any finite outputs is one finite number, also where outputs are far off."""

    def law(case: Case) -> None:
        head = head_of(subject, case.scale)
        value = head.loss(case.outputs(head), case.ratings())
        if not isinstance(value, Tensor) or value.shape != ():
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise BrokenLawError(
                f"loss of {case.rows} rows must be one number, a tensor of shape (); it is {shape}"
            )
        if not torch.isfinite(value):
            raise BrokenLawError(
                f"the loss of outputs {few(case.outputs(head))} for ratings {few(case.ratings())} is {value.item()}"
            )

    subject.hold(law, cases(subject, (1.0, LARGE)), examples=ARRAYS)


def gradient_is_right(subject: Subject) -> None:
    """The gradient of the loss is what small steps of the outputs give, in double precision."""

    def law(case: Case) -> None:
        head = copy.deepcopy(head_of(subject, case.scale)).double()
        outputs, ratings = (
            case.outputs(head, torch.float64).requires_grad_(),
            case.ratings(torch.float64),
        )
        value = head.loss(outputs, ratings)
        if not value.requires_grad:
            raise BrokenLawError(
                "the loss has no gradient: something on its way is detached, or goes through numpy"
            )
        (found,) = torch.autograd.grad(value, outputs, allow_unused=True)
        expected = slopes(lambda moved: head.loss(moved, ratings), outputs.detach())
        found = torch.zeros_like(expected) if found is None else found
        if not torch.allclose(found, expected, rtol=1e-4, atol=1e-6):
            row, column = np.unravel_index(int((found - expected).abs().argmax()), expected.shape)
            raise BrokenLawError(
                f"on {scale_words(case.scale)}, for outputs {few(outputs)} and ratings {few(ratings)}: the gradient "
                f"of output [{row}, {column}] is {found[row, column].item():.6g}; small steps give "
                f"{expected[row, column].item():.6g}"
            )

    subject.hold(law, cases(subject, (1.0, 4.0), rows=4), examples=ARRAYS)


def perfect_output_gives_the_least_loss(subject: Subject) -> None:
    """Where the loss is least, the outputs decode to the rating that was given."""
    for name in scales_with_head(subject):
        ratings, outputs, head = perfect_outputs(subject, name)
        found = head.decode(outputs)
        off = (found - ratings).abs()
        if not bool((off <= tolerance(SCALES[name])).all()):
            row = int(torch.nan_to_num(off, nan=torch.inf).argmax())
            raise BrokenLawError(
                f"on {scale_words(name)}: the outputs with the least loss for a rating of {ratings[row].item():g} "
                f"decode to {found[row].item():g}: loss and decode differ, or the loss has the wrong sign"
            )


def decode_is_a_rating_a_row(subject: Subject) -> None:
    """Any finite outputs decode to one finite rating a row, within the scale where the head says where it ends."""

    def law(case: Case) -> None:
        head = head_of(subject, case.scale)
        outputs = case.outputs(head)
        found = head.decode(outputs)
        if found.shape != (case.rows,):
            raise BrokenLawError(
                f"decode of {case.rows} rows must have the shape ({case.rows},); has {tuple(found.shape)}"
            )
        low, high = ends(subject, SCALES[case.scale])
        slack = 1e-5 * max(1.0, abs(low), abs(high)) if np.isfinite(low) else 0.0
        within = torch.isfinite(found) & (found >= low - slack) & (found <= high + slack)
        if not bool(within.all()):
            row = int((~within).int().argmax())
            raise BrokenLawError(
                f"on {scale_words(case.scale)}: outputs {few(outputs[row])} decode to {found[row].item():.7g}"
            )

    subject.hold(law, cases(subject, (1.0, LARGE)), examples=ARRAYS)


def distribution_sums_to_one(subject: Subject) -> None:
    """The distribution has one probability a level, none below zero, which sum to one; the right level is likeliest."""

    def law(case: Case) -> None:
        head = head_of(subject, case.scale)
        share = head.distribution(case.outputs(head))
        expected = (case.rows, len(SCALES[case.scale].levels))
        if share.shape != expected:
            raise BrokenLawError(
                f"distribution must have the shape {expected}; has {tuple(share.shape)}"
            )
        wrong = ~((share >= 0).all(dim=1) & ((share.sum(dim=1) - 1).abs() < 1e-4))
        if bool(wrong.any()):
            row = int(wrong.int().argmax())
            raise BrokenLawError(
                f"probabilities {few(share[row])} are no distribution: sum {share[row].sum().item():.6g}"
            )

    subject.hold(law, cases(subject, (1.0, LARGE)), examples=ARRAYS)
    for name in scales_with_head(subject):
        ratings, outputs, head = perfect_outputs(subject, name)
        likeliest = head.distribution(outputs).argmax(dim=1).tolist()
        if likeliest != list(range(len(ratings))):
            row = next(row for row, place in enumerate(likeliest) if row != place)
            raise BrokenLawError(
                f"on {scale_words(name)}: the outputs of least loss for {ratings[row].item():g} make the likeliest "
                f"level {SCALES[name].levels[likeliest[row]]:g}"
            )


def row_order_does_not_matter(subject: Subject) -> None:
    """The loss of the same rows in another order is the same."""

    def law(case: Case) -> None:
        head, order = (
            head_of(subject, case.scale),
            np.random.default_rng(case.seed).permutation(case.rows),
        )
        outputs, ratings = case.outputs(head), case.ratings()
        first, other = (
            head.loss(outputs[rows], ratings[rows]).item() for rows in (np.arange(case.rows), order)
        )
        if not np.isclose(first, other, rtol=1e-4, atol=1e-6):
            raise BrokenLawError(
                f"the loss of outputs {few(outputs)} for {few(ratings)} is {first:.6g}, and {other:.6g} in the order "
                f"{order.tolist()}"
            )

    subject.hold(law, cases(subject, (1.0, 4.0)), examples=ARRAYS)


def batch_equals_one_by_one(subject: Subject) -> None:
    """A row decodes alone to what it decodes to among others; no rows to no ratings."""

    def law(case: Case) -> None:
        head = head_of(subject, case.scale)
        for verb in _verbs(subject):
            decode = getattr(head, verb)
            whole, outputs = decode(case.outputs(head)), case.outputs(head)
            for row in range(case.rows):
                alone = decode(outputs[row : row + 1].clone())
                if alone.shape[:1] != (1,) or not torch.allclose(
                    alone[0], whole[row], rtol=1e-4, atol=1e-5
                ):
                    raise BrokenLawError(
                        f"{verb} of the outputs {few(outputs[row])} is {few(alone)} alone and {few(whole[row])} as "
                        f"row {row} of {case.rows}"
                    )
            if len(decode(outputs[:0])) != 0:
                raise BrokenLawError(f"{verb} of no rows gives {len(decode(outputs[:0]))}")

    subject.hold(law, cases(subject, (1.0, 4.0)), examples=ARRAYS)


def input_not_changed(subject: Subject) -> None:
    """Loss and decode leave outputs and ratings as they are."""

    def law(case: Case) -> None:
        head = head_of(subject, case.scale)
        outputs, ratings = case.outputs(head), case.ratings()
        for verb in ("loss", *_verbs(subject)):
            getattr(head, verb)(outputs, ratings) if verb == "loss" else getattr(head, verb)(
                outputs
            )
            for word, now, before in (
                ("outputs", outputs, case.outputs(head)),
                ("ratings", ratings, case.ratings()),
            ):
                if not torch.equal(now, before):
                    raise BrokenLawError(
                        f"{verb} changed the {word} {few(before)} to {few(now)}: work on a copy"
                    )

    subject.hold(law, cases(subject, (1.0, 4.0)), examples=ARRAYS)


def trains_a_model(subject: Subject) -> None:
    """A factorization that is trained with it for two epochs gives finite ratings."""
    assert subject.entry is not None
    dataset, split = (
        planted(users=13, items=8, ratings=70, whole=True).dataset,
        Split(np.arange(60), np.arange(60, 70)),
    )
    bench, pmf = Workbench(subject.registry), subject.registry.find("model", "factors/pmf")
    loss: Use[Loss] = use_of(subject.entry, subject.params)
    with luck(0):
        model = bench.fitted(bench.model_use(pmf, pmf.component.params(), loss), dataset, split)
    rating = told(model, asked(model))
    if not np.isfinite(rating).all():
        raise BrokenLawError(
            f"after two epochs with pmf, {int((~np.isfinite(rating)).sum())} of {len(rating)} ratings are NaN"
        )


def _verbs(subject: Subject) -> tuple[str, ...]:
    return ("decode", DISTRIBUTION) if gives_distribution(subject) else ("decode",)


CHECKS = (
    Check("builds-on-every-scale", builds_on_every_scale),
    Check("same-seed-same-head", same_seed_same_head),
    Check("loss-is-one-finite-number", loss_is_one_finite_number),
    Check("gradient-is-right", gradient_is_right),
    Check("perfect-output-gives-the-least-loss", perfect_output_gives_the_least_loss),
    Check("decode-is-a-rating-a-row", decode_is_a_rating_a_row),
    Check("distribution-sums-to-one", distribution_sums_to_one, applies=gives_distribution),
    Check("row-order-does-not-matter", row_order_does_not_matter),
    Check("batch-equals-one-by-one", batch_equals_one_by_one),
    Check("input-not-changed", input_not_changed),
    Check("trains-a-model", trains_a_model),
)
