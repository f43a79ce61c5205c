"""The contract of the plugin `networks`."""

from __future__ import annotations

import pytest
import torch
from cfplug_networks import Layers
from cfplug_networks.tabular import embedding_nn

from cfplug import Batch, Spec
from cfplug.errors import TrainingError
from cfplug.testing import plugin_checks

test_contract = plugin_checks("networks", examples=3)


def test_normalisation_says_that_one_rating_is_not_enough() -> None:
    network = embedding_nn(Layers(), Spec(3, 4, 1)).train()
    one = Batch(torch.tensor([2]), torch.tensor([1]))
    with pytest.raises(TrainingError) as caught:
        network(one)
    assert str(caught.value) == (
        "batch_norm: expected two ratings or more in a step, got 1; "
        "use more ratings, a larger batch_size, or batch_norm: false"
    )
    assert network.eval()(one).shape == (1, 1)
    assert embedding_nn(Layers(batch_norm=False), Spec(3, 4, 1)).train()(one).shape == (1, 1)
