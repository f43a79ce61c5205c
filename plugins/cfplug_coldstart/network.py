"""Train fastai's TabularModel from metadata and answers to points in the space of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import evolve, frozen
from fastai.tabular.model import TabularModel, emb_sz_rule
from torch import Tensor

from cfplug_coldstart.feature_table import FeatureTable

if TYPE_CHECKING:
    from cfplug_coldstart import MetadataModel

WEIGHT_DECAY = 0.1
BATCHES = 16
"""Steps in an epoch, so that training is as long for few ids; a batch has at least FEWEST ids."""

FEWEST = 16

FOLDS = 5
"""Parts of the ids; each network is trained without one of them, and new ids get the mean of all
networks."""

FARTHEST = 4.0
"""Standard deviations from the mean at which a number is clipped."""


@frozen(eq=False)
class Inputs:
    """What a network sees of n ids.

    `codes` of categories, int64 (n, n_categories), of which `sizes` gives the number of codes for
    each; `numbers`, float32 (n, n_numbers); and `answers` to questions, float32 (n, questions, 2):
    the rating, centred, and 1 for "not seen"; both are 0 for what was not asked.
    """

    codes: Tensor
    numbers: Tensor
    answers: Tensor
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, features: FeatureTable, answers: np.ndarray) -> Inputs:
        """Return numbers, a flag for each that may be missing, and a column for each set member."""
        codes, sizes = [np.zeros((len(answers), 0))], []
        numbers = [np.zeros((len(answers), 0))]
        for column in features.each:
            if column.feature.kind == "category":
                codes.append(column.values)
                sizes.append(column.feature.size)
                continue
            numbers.append(column.values.clip(-FARTHEST, FARTHEST))
            if column.feature.flagged:
                numbers.append(~column.known[:, None])
        return cls(
            torch.as_tensor(np.concatenate(codes, axis=1), dtype=torch.int64),
            torch.as_tensor(np.concatenate(numbers, axis=1), dtype=torch.float32),
            torch.as_tensor(answers, dtype=torch.float32),
            tuple(sizes),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Tensor | np.ndarray) -> Inputs:
        """Return the inputs of some ids."""
        rows = torch.as_tensor(rows)
        return Inputs(self.codes[rows], self.numbers[rows], self.answers[rows], self.sizes)

    def asked(self) -> Inputs:
        """Return the same ids, each with some answers: every number of them is as likely."""
        n, questions, _ = self.answers.shape
        kept = torch.rand(n, questions, 1) < torch.rand(n, 1, 1)
        return evolve(self, answers=self.answers * kept)

    def unasked(self) -> Inputs:
        """Return the same ids without answers."""
        return evolve(self, answers=torch.zeros_like(self.answers))


def cross_fitted(
    params: MetadataModel, inputs: Inputs, points: np.ndarray, weight: np.ndarray, seed: int
) -> tuple[tuple[TabularModel, ...], np.ndarray, np.ndarray]:
    """Return FOLDS networks, each trained without one part of the ids, and their outputs there.

    Args:
        params: The parameters of the strategy.
        inputs: What the networks see of n ids.
        points: What they learn, shape (n, width).
        weight: The weight of each id, shape (n,).
        seed: Draws the folds and the weights of the networks.

    Returns:
        The networks, and for each id the output of the network that was not trained on it, shape
        (n, width), twice: without answers, and with some.
    """
    unasked, asked = np.zeros(points.shape), np.zeros(points.shape)
    networks = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fold = torch.randperm(len(inputs)) % FOLDS
        for number in range(FOLDS):
            train = torch.nonzero(fold != number)[:, 0]
            test = torch.nonzero(fold == number)[:, 0]
            net = network(params, inputs, points.shape[1])
            target = torch.as_tensor(points)[train].float()
            own_weight = torch.as_tensor(weight)[train].float()
            learn(params, net, inputs.take(train), target, own_weight)
            left_out = inputs.take(test)
            unasked[test] = points_of(net, left_out.unasked())
            asked[test] = points_of(net, left_out.asked())
            networks.append(net)
    return tuple(networks), unasked, asked


def network(params: MetadataModel, inputs: Inputs, width: int) -> TabularModel:
    """Return an untrained network, whose output is zero."""
    n_numbers = inputs.numbers.shape[1] + inputs.answers[0].numel()
    net = TabularModel(
        [(size, emb_sz_rule(size)) for size in inputs.sizes],
        n_numbers,
        width,
        list(params.layers),
        ps=[params.dropout] * len(params.layers),
        use_bn=False,
        bn_cont=False,
    )
    torch.nn.init.zeros_(net.layers[-1][0].weight)
    torch.nn.init.zeros_(net.layers[-1][0].bias)
    return net


def forward(net: TabularModel, inputs: Inputs) -> Tensor:
    """Return the output of `net`, shape (n, width)."""
    numbers = torch.cat([inputs.numbers, inputs.answers.flatten(1)], dim=1)
    points: Tensor = net(inputs.codes, numbers)
    return points


def points_of(net: TabularModel, inputs: Inputs) -> np.ndarray:
    """Return the output of a trained network as an array of float64."""
    with torch.inference_mode():
        points: np.ndarray = forward(net, inputs).double().numpy()
    return points


def learn(
    params: MetadataModel, net: TabularModel, inputs: Inputs, points: Tensor, weight: Tensor
) -> None:
    """Fit `points`, shape (n, width), by weighted least squares with AdamW and a one-cycle rate."""
    batch_size = max(FEWEST, len(inputs) // BATCHES)
    batches = -(-len(inputs) // batch_size)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=params.learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, params.learning_rate, total_steps=params.epochs * batches
    )
    net.train()
    for _ in range(params.epochs):
        for rows in torch.split(torch.randperm(len(inputs)), batch_size):
            gaps = forward(net, inputs.take(rows).asked()) - points[rows]
            squared = gaps.square().sum(dim=1)
            loss = (weight[rows] * squared).sum() / weight[rows].sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    net.eval()
