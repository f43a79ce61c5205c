from attrs import frozen

import cfplug


@frozen
class Distance:
    """User bias + item bias - squared distance of their points (after Hsieh et al., WWW 2017)."""

    factors: int = cfplug.param(16, at_least=1, help="dimensions of the space of users and items")


def build(params, spec):
    import torch
    from torch import nn

    class Space(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = {"user": spec.n_users, "item": spec.n_items}
            self.points = nn.ModuleDict(
                {side: nn.Embedding(n, params.factors) for side, n in sizes.items()}
            )
            self.biases = nn.ModuleDict(
                {side: nn.Embedding(n, spec.n_outputs) for side, n in sizes.items()}
            )
            for table in self.points.values():
                nn.init.normal_(table.weight, std=0.1)
            for table in self.biases.values():
                nn.init.zeros_(table.weight)

        def forward(self, batch):
            offset = self.points["user"](batch.user) - self.points["item"](batch.item)
            biases = self.biases["user"](batch.user) + self.biases["item"](batch.item)
            return biases - torch.square(offset).sum(dim=1, keepdim=True)

        def embeddings(self, side):
            return self.points[side].weight

    return Space()


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Model("distance", Distance, build=build, provides=["embeddings"])]
