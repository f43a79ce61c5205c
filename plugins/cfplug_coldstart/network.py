"""fastai's TabularModel from traits to points: how it is trained, and what it says of whom it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import evolve, frozen
from fastai.tabular.model import TabularModel, emb_sz_rule
from torch import Tensor

from cfplug_coldstart.traits import Traits

if TYPE_CHECKING:
    from cfplug_coldstart import MetadataModel

WEIGHT_DECAY = 0.1
BATCHES = 16
"""Steps in an epoch, so that few ids are learned from as long as many; a batch has at least FEWEST ids."""

FEWEST = 16

FOLDS = 5
"""Parts of the ids; each network is trained without one of them, and newcomers get the mean of all networks."""

FARTHEST = 4.0
"""Standard deviations from the mean beyond which a number counts as no farther."""


@frozen(eq=False)
class Inputs:
    """What a network sees of n ids: `codes` of categories, int64 (n, n_categories), `numbers`, float32 (n, n_numbers),
    and `answers` to questions, float32 (n, questions, 2): the rating, centred, and 1 for what was
    not seen; both are 0 for what was not asked."""

    codes: Tensor
    numbers: Tensor
    answers: Tensor
    sizes: tuple[int, ...]
    """How many codes each category has."""

    @classmethod
    def of(cls, traits: Traits, answers: np.ndarray) -> Inputs:
        """Numbers, a flag for a missing one where some warm ones are, and a column for each member of each set."""
        columns: dict[str, list[np.ndarray]] = {
            "codes": [np.zeros((len(answers), 0))],
            "numbers": [],
        }
        for trait in traits.each:
            if trait.feature.kind == "category":
                columns["codes"].append(trait.values)
            else:
                flag = [~trait.known[:, None]] if trait.feature.flagged else []
                columns["numbers"] += [trait.values.clip(-FARTHEST, FARTHEST), *flag]
        numbers = np.concatenate([np.zeros((len(answers), 0)), *columns["numbers"]], axis=1)
        return cls(
            torch.as_tensor(np.concatenate(columns["codes"], axis=1), dtype=torch.int64),
            torch.as_tensor(numbers, dtype=torch.float32),
            torch.as_tensor(answers, dtype=torch.float32),
            tuple(trait.feature.size for trait in traits.each if trait.feature.kind == "category"),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Tensor | np.ndarray) -> Inputs:
        """Those of `rows`."""
        rows = torch.as_tensor(rows)
        return Inputs(self.codes[rows], self.numbers[rows], self.answers[rows], self.sizes)

    def asked(self) -> Inputs:
        """The same ids, each asked only some of the questions: any number of them is as likely."""
        n, questions, _ = self.answers.shape
        left = torch.rand(n, questions, 1) < torch.rand(n, 1, 1)
        return evolve(self, answers=self.answers * left)

    def unasked(self) -> Inputs:
        """The same ids, asked nothing."""
        return evolve(self, answers=torch.zeros_like(self.answers))


def cross_fitted(
    params: MetadataModel, inputs: Inputs, points: np.ndarray, weight: np.ndarray, seed: int
) -> tuple[tuple[TabularModel, ...], tuple[np.ndarray, np.ndarray]]:
    """Networks from `inputs` to `points` (n, width), and what each says of the ids that it did not see.

    There are FOLDS of them, each trained without one part of the ids. What they say is (n, width)
    twice: of ids that were asked nothing, and of ids that were asked some questions. `weight`,
    shape (n,), is what each id is worth."""
    unasked, asked = np.zeros(points.shape), np.zeros(points.shape)
    networks = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fold = torch.randperm(len(inputs)) % FOLDS
        for number in range(FOLDS):
            train, test = torch.nonzero(fold != number)[:, 0], torch.nonzero(fold == number)[:, 0]
            net = network(params, inputs, points.shape[1])
            learn(
                params,
                net,
                inputs.take(train),
                *(torch.as_tensor(each)[train].float() for each in (points, weight)),
            )
            left = inputs.take(test)
            unasked[test], asked[test] = (
                points_of(net, left.unasked()),
                points_of(net, left.asked()),
            )
            networks.append(net)
    return tuple(networks), (unasked, asked)


def network(params: MetadataModel, inputs: Inputs, width: int) -> TabularModel:
    """A network for inputs like `inputs`, which says zero for all until it has learned."""
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


def said(net: TabularModel, inputs: Inputs) -> Tensor:
    """The points that `net` gives, shape (n, width)."""
    points: Tensor = net(
        inputs.codes, torch.cat([inputs.numbers, inputs.answers.flatten(1)], dim=1)
    )
    return points


def points_of(net: TabularModel, inputs: Inputs) -> np.ndarray:
    """The same as an array of float64, without what training needs."""
    with torch.inference_mode():
        points: np.ndarray = said(net, inputs).double().numpy()
    return points


def learn(
    params: MetadataModel, net: TabularModel, inputs: Inputs, points: Tensor, weight: Tensor
) -> None:
    """Least squares of the `points`, shape (n, width), each weighted, by AdamW with a rate that falls to zero."""
    batch_size = max(FEWEST, len(inputs) // BATCHES)
    steps = params.epochs * -(-len(inputs) // batch_size)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=params.learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, params.learning_rate, total_steps=steps
    )
    net.train()
    for _ in range(params.epochs):
        for rows in torch.split(torch.randperm(len(inputs)), batch_size):
            gaps = said(net, inputs.take(rows).asked()) - points[rows]
            loss = (weight[rows] * gaps.square().sum(dim=1)).sum() / weight[rows].sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    net.eval()
