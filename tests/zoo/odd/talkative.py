"""Healthy, and prints on import, in its hooks and while it works: that must not end up in JSON."""

import cfplug

print("talkative was imported")


@cfplug.hookimpl
def cfplug_metrics():
    print("talkative was asked")
    return [cfplug.Metric("talk", score="talkative:score", help="It prints, too.")]


@cfplug.hookimpl
def cfplug_models():
    return [
        cfplug.Model(
            "talker",
            fit="talkative:fit",
            restore="talkative:restore",
            help="Two and a half, aloud.",
        )
    ]


def score(params, truth, prediction):
    print("talkative was run")
    return 0.25


def fit(params, train, context):
    print("talkative learns")
    return Talker()


def restore(params, state):
    return Talker()


class Talker:
    def predict(self, batch):
        import numpy as np

        print("talkative predicts")
        return np.full(len(batch), 2.5)

    def state(self):
        import numpy as np

        return {"rating": np.array([2.5])}
