"""Losses that load and break while a model trains; each declaration says how."""

from __future__ import annotations

import cfplug


@cfplug.hookimpl
def cfplug_losses() -> list[cfplug.Loss]:
    return [
        cfplug.Loss(
            "outputless",
            build="zoo_losses:outputless",
            help="It does not say how many outputs it takes.",
        ),
        cfplug.Loss(
            "vectorial", build="zoo_losses:vectorial", help="It gives a loss a row, not one number."
        ),
        cfplug.Loss(
            "undecodable",
            build="zoo_losses:undecodable",
            help="It cannot turn outputs into ratings.",
        ),
        cfplug.Loss(
            "bodiless-loss", build="zoo_losses:bodiless", help="Its build gives no torch module."
        ),
    ]


def head(**parts):
    import torch

    class Head(torch.nn.Module):
        n_outputs = 1

        def loss(self, outputs, rating):
            return ((outputs.squeeze(1) - rating) ** 2).mean()

        def decode(self, outputs):
            return outputs.squeeze(1)

    for name, part in parts.items():
        if part is None:
            delattr(Head, name)
        else:
            setattr(Head, name, part)
    return Head()


def outputless(params, scale):
    return head(n_outputs=None)


def vectorial(params, scale):
    return head(loss=lambda self, outputs, rating: (outputs.squeeze(1) - rating) ** 2)


def undecodable(params, scale):
    return head(decode=None)


def bodiless(params, scale):
    return None
