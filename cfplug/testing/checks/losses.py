"""Checks of losses: the loss is least where outputs decode to ratings; its gradient is right."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from cfplug.data.dataset import Split
from cfplug.errors import CfplugError
from cfplug.plugin.components import DISTRIBUTION
from cfplug.testing.check import Check, CheckError, Subject, no_error
from cfplug.testing.checks.loss_heads import (
    LARGE,
    SCALES,
    Case,
    best_outputs,
    built_head,
    cases,
    decode_bounds,
    decode_tolerance,
    few,
    gives_distribution,
    head_of,
    numeric_gradient,
    scale_name,
    scales_of,
    scales_with_head,
)
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.models import known_pairs, predict
from cfplug.testing.fixtures.train import Trainer, component_use
from cfplug.testing.strategies.synthetic import planted

EXAMPLES = 20
"""The number of examples of outputs."""


def builds_on_every_scale(subject: Subject) -> None:
    """Build a head for whole stars, half stars and, unless it needs levels, without levels."""
    for name in scales_of(subject):
        with no_error(f"build for {scale_name(name)}", kinds=CfplugError):
            head = built_head(subject, name)
        verbs = ("loss", "decode", *subject.component.provides)  # type: ignore[attr-defined]
        missing = [verb for verb in verbs if not callable(getattr(head, verb, None))]
        if not isinstance(head, nn.Module) or missing:
            found = f"{type(head).__name__} without {', '.join(missing)}"
            raise CheckError(f"build: expected a torch.nn.Module with its functions, got {found}")
        n_outputs = getattr(head, "n_outputs", None)
        if type(n_outputs) is not int or n_outputs < 1:
            raise CheckError(f"n_outputs: expected a whole number above 0, got {n_outputs!r}")


def same_seed_same_head(subject: Subject) -> None:
    """Build heads with the same first weights from the same seed."""
    for name in scales_with_head(subject):
        states = []
        for seed in (1, 2):
            with seeded(seed):
                states.append(built_head(subject, name).state_dict())
        for key, first in states[0].items():
            if not torch.equal(first, states[1][key]):
                raise CheckError(
                    f"second head after torch.manual_seed(0), {key}: expected {few(first)}, got "
                    f"{few(states[1][key])}. Draw from torch's generator alone."
                )


def loss_is_one_finite_number(subject: Subject) -> None:
    """Return one finite number as the loss of any finite outputs, large ones too."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        outputs, ratings = case.outputs(head), case.ratings()
        value = head.loss(outputs, ratings)
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        if shape != ():
            raise CheckError(f"loss of {case.rows} rows: expected the shape (), got {shape}")
        if not torch.isfinite(value):
            raise CheckError(
                f"loss of outputs {few(outputs)} for ratings {few(ratings)}: expected a finite "
                f"number, got {value.item()}"
            )

    subject.check_property(check, cases(subject, (1.0, LARGE)), examples=EXAMPLES)


def gradient_is_right(subject: Subject) -> None:
    """Have the gradient that small steps of the outputs give, in double precision."""

    def check(case: Case) -> None:
        head = copy.deepcopy(head_of(subject, case.scale)).double()
        ratings = case.ratings(torch.float64)
        outputs = case.outputs(head, torch.float64).requires_grad_()
        value = head.loss(outputs, ratings)
        if not value.requires_grad:
            raise CheckError(
                "loss: expected a gradient, got none. Use torch functions alone, without detach."
            )
        expected = numeric_gradient(lambda moved: head.loss(moved, ratings), outputs.detach())
        (found,) = torch.autograd.grad(value, outputs, allow_unused=True)
        if found is None:
            found = torch.zeros_like(expected)
        if not torch.allclose(found, expected, rtol=1e-4, atol=1e-6):
            row, column = np.unravel_index(int((found - expected).abs().argmax()), expected.shape)
            raise CheckError(
                f"gradient of output [{row}, {column}] of {few(outputs)} for ratings "
                f"{few(ratings)} on {scale_name(case.scale)}: expected "
                f"{expected[row, column].item():.6g} as by small steps, got "
                f"{found[row, column].item():.6g}"
            )

    subject.check_property(check, cases(subject, (1.0, 4.0), rows=4), examples=EXAMPLES)


def perfect_output_gives_the_least_loss(subject: Subject) -> None:
    """Decode the outputs with the least loss for a rating to that rating."""
    for name in scales_with_head(subject):
        ratings, outputs, head = best_outputs(subject, name)
        found = head.decode(outputs)
        off = torch.nan_to_num((found - ratings).abs(), nan=torch.inf)
        row = int(off.argmax())
        if off[row] > decode_tolerance(SCALES[name]):
            raise CheckError(
                f"decode of the outputs with the least loss on {scale_name(name)}: expected "
                f"{ratings[row].item():g}, got {found[row].item():g}. Check the sign of the loss, "
                "and that loss and decode agree."
            )


def decode_gives_one_rating_per_row(subject: Subject) -> None:
    """Decode any finite outputs to one finite rating a row, within the bounds of the head."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        outputs = case.outputs(head)
        found = head.decode(outputs)
        if found.shape != (case.rows,):
            raise CheckError(f"decode: expected the shape ({case.rows},), got {tuple(found.shape)}")
        low, high = decode_bounds(subject, SCALES[case.scale])
        slack = 1e-5 * max(1.0, abs(low), abs(high)) if np.isfinite(low) else 0.0
        wrong = ~torch.isfinite(found) | (found < low - slack) | (found > high + slack)
        if bool(wrong.any()):
            row = int(wrong.int().argmax())
            raise CheckError(
                f"decode of outputs {few(outputs[row])} on {scale_name(case.scale)}: expected a "
                f"finite rating from {low:g} to {high:g}, got {found[row].item():.7g}"
            )

    subject.check_property(check, cases(subject, (1.0, LARGE)), examples=EXAMPLES)


def distribution_sums_to_one(subject: Subject) -> None:
    """Return a probability of each level that sums to one; the right level has the largest."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        share = head.distribution(case.outputs(head))
        expected = (case.rows, len(SCALES[case.scale].levels))
        if share.shape != expected:
            raise CheckError(
                f"distribution: expected the shape {expected}, got {tuple(share.shape)}"
            )
        wrong = (share < 0).any(dim=1) | ~((share.sum(dim=1) - 1).abs() < 1e-4)
        if bool(wrong.any()):
            row = int(wrong.int().argmax())
            raise CheckError(
                "distribution: expected probabilities of sum 1, got "
                f"{few(share[row])} of sum {share[row].sum().item():.6g}"
            )

    subject.check_property(check, cases(subject, (1.0, LARGE)), examples=EXAMPLES)
    for name in scales_with_head(subject):
        _check_likeliest(subject, name)


def _check_likeliest(subject: Subject, name: str) -> None:
    ratings, outputs, head = best_outputs(subject, name)
    for row, level in enumerate(head.distribution(outputs).argmax(dim=1).tolist()):
        if level != row:
            found = SCALES[name].levels[level]
            raise CheckError(
                f"distribution of the outputs with the least loss on {scale_name(name)}: expected "
                f"{ratings[row].item():g} as the likeliest level, got {found:g}"
            )


def row_order_does_not_matter(subject: Subject) -> None:
    """Return the same loss for the rows in another order."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        order = np.random.default_rng(case.seed).permutation(case.rows)
        outputs, ratings = case.outputs(head), case.ratings()
        first, other = head.loss(outputs, ratings), head.loss(outputs[order], ratings[order])
        if not np.isclose(first.item(), other.item(), rtol=1e-4, atol=1e-6):
            raise CheckError(
                f"loss of outputs {few(outputs)} for {few(ratings)} in the order {order.tolist()}: "
                f"expected {first.item():.6g}, got {other.item():.6g}"
            )

    subject.check_property(check, cases(subject, (1.0, 4.0)), examples=EXAMPLES)


def batch_equals_one_by_one(subject: Subject) -> None:
    """Decode a row alone as it does among others, and no rows to no ratings."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        for verb in _decoding(subject):
            decode, outputs = getattr(head, verb), case.outputs(head)
            whole = decode(case.outputs(head))
            for row in range(case.rows):
                alone = decode(outputs[row : row + 1].clone())
                one_row = alone.shape[:1] == (1,)
                if not one_row or not torch.allclose(alone[0], whole[row], rtol=1e-4, atol=1e-5):
                    raise CheckError(
                        f"{verb} of outputs {few(outputs[row])} alone: expected {few(whole[row])} "
                        f"as in row {row} of {case.rows}, got {few(alone)}"
                    )
            n = len(decode(outputs[:0]))
            if n != 0:
                raise CheckError(f"{verb} of no rows: expected no ratings, got {n}")

    subject.check_property(check, cases(subject, (1.0, 4.0)), examples=EXAMPLES)


def input_not_changed(subject: Subject) -> None:
    """Change neither outputs nor ratings."""

    def check(case: Case) -> None:
        head = head_of(subject, case.scale)
        outputs, ratings = case.outputs(head), case.ratings()
        calls = {"loss": (outputs, ratings)} | dict.fromkeys(_decoding(subject), (outputs,))
        for verb, arguments in calls.items():
            getattr(head, verb)(*arguments)
            _check_equal(f"outputs after {verb}", case.outputs(head), outputs)
            _check_equal(f"ratings after {verb}", case.ratings(), ratings)

    subject.check_property(check, cases(subject, (1.0, 4.0)), examples=EXAMPLES)


def _check_equal(place: str, before: Tensor, now: Tensor) -> None:
    if not torch.equal(now, before):
        raise CheckError(f"{place}: expected {few(before)}, got {few(now)}. Work on a copy.")


def trains_a_model(subject: Subject) -> None:
    """Train a factorization to finite ratings in two epochs."""
    assert subject.entry is not None
    dataset = planted(users=13, items=8, ratings=70, whole=True).dataset
    split = Split(np.arange(60), np.arange(60, 70))
    trainer, pmf = Trainer(subject.registry), subject.registry.find("model", "factors/pmf")
    loss = component_use(subject.entry, subject.params)
    use = trainer.model_use(pmf, pmf.component.params(), loss)
    with seeded(0):
        model = trainer.fit(use, dataset, split).model
    rating = predict(model, known_pairs(model))
    wrong = int((~np.isfinite(rating)).sum())
    if wrong:
        raise CheckError(
            f"pmf after two epochs: expected finite ratings, got {wrong} of {len(rating)} that are "
            "not finite"
        )


def _decoding(subject: Subject) -> tuple[str, ...]:
    return ("decode", DISTRIBUTION) if gives_distribution(subject) else ("decode",)


CHECKS = (
    Check(builds_on_every_scale),
    Check(same_seed_same_head),
    Check(loss_is_one_finite_number),
    Check(gradient_is_right),
    Check(perfect_output_gives_the_least_loss),
    Check(decode_gives_one_rating_per_row),
    Check(distribution_sums_to_one, gives_distribution),
    Check(row_order_does_not_matter),
    Check(batch_equals_one_by_one),
    Check(input_not_changed),
    Check(trains_a_model),
)
