import math

import cfplug


def build(params, scale):
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    class LogCosh(nn.Module):
        n_outputs = 1

        def decode(self, outputs):
            return scale.low + (scale.high - scale.low) * torch.sigmoid(outputs.squeeze(1))

        def loss(self, outputs, rating):
            error = self.decode(outputs) - rating
            return (error + softplus(-2 * error)).mean() - math.log(2)

    return LogCosh()


@cfplug.hookimpl
def cfplug_losses():
    return [
        cfplug.Loss(
            "log-cosh",
            build=build,
            help="Mean of log cosh(error): square near zero, absolute far away.",
        )
    ]
