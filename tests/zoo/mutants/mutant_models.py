"""Models with one fault each, which the help names; `sound` and `sound-net` have none."""

from __future__ import annotations

import sys

import attrs
import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_models() -> list[cfplug.Model]:
    return [
        by_itself(
            "sound",
            "Nothing is wrong with it.",
            provides=["biases", "embeddings", "terms", "vectors"],
        ),
        by_itself("swapped", "It takes users for items when it answers."),
        by_itself("order-taught", "The last row of a user counts more than the others."),
        by_itself("unseeded", "It draws from numpy's shared generator."),
        by_itself("centring", "It centres the ratings that it is given in place."),
        by_itself("overwriting", "Its predict writes into the codes that it is asked about."),
        by_itself("distinct", "It gives one answer for each distinct pair."),
        by_itself("sorting", "It answers in the order of the codes, not in that of the question."),
        by_itself("nan-for-rare", "It says NaN of items with one rating."),
        by_itself(
            "name-reading", "It finds the ids in its caller's frames and learns from their length."
        ),
        by_itself(
            "peeking", "It finds the held-out ratings in its caller's frames and learns from them."
        ),
        by_itself("forgetful", "Its state lacks the offsets of items."),
        by_itself(
            "remembering",
            "Its state is a key of a table that only the process that trained it has.",
        ),
        by_itself(
            "batch-centring", "It centres its answers over the pairs that are asked about together."
        ),
        by_itself("squeezing", "Asked about one pair it gives a number, not an array."),
        by_itself("empty-shy", "It fails where it is asked about no pairs."),
        by_itself("lonely-shy", "It fails where there is one user."),
        by_itself("knowing", "It says the mean of everything."),
        by_itself("wrong-side", "Its biases are those of the other side.", provides=["biases"]),
        by_itself(
            "flat", "Its embeddings have one number an id, not a row.", provides=["embeddings"]
        ),
        by_itself("short-of-mean", "Its terms leave the mean out.", provides=["terms"]),
        by_itself(
            "shifting",
            "Its terms are centred over the pairs asked about together.",
            provides=["terms"],
        ),
        by_itself(
            "deaf", "It does not look at the vectors that a batch brings.", provides=["vectors"]
        ),
        by_itself(
            "incomplete-vectors",
            "Its vectors lack what was learned of users.",
            provides=["vectors"],
        ),
        by_gradient("sound-net", "Nothing is wrong with it."),
        by_gradient("swapped-net", "It takes users for items when it answers."),
        by_gradient("counting-net", "Its output depends on the place of a pair in the batch."),
        by_gradient("unseeded-net", "Its embeddings are drawn from numpy's shared generator."),
        by_gradient("forgetful-net", "What it counts while it trains is not among what is saved."),
    ]


def by_itself(fault: str, words: str, provides=()) -> cfplug.Model:
    name = fault.replace("-", "_")
    return cfplug.Model(
        fault,
        fit=f"mutant_models:fit_{name}",
        restore=f"mutant_models:restore_{name}",
        provides=provides,
        help=words,
    )


@attrs.frozen
class Width:
    """How wide a network is."""

    factors: int = cfplug.param(4, at_least=1, help="length of each embedding")


def by_gradient(fault: str, words: str) -> cfplug.Model:
    name = fault.replace("-", "_")
    return cfplug.Model(fault, Width, build=f"mutant_models:{name}", help=words)


# Models that fit themselves


class Offsets:
    """rating = mean + offset of the user + offset of the item."""

    def __init__(self, mean, user, item):
        self.mean, self.user, self.item = float(mean), user, item

    @classmethod
    def learned(cls, train):
        mean = train.rating.mean()
        item = offsets(train.batch.item, train.rating - mean, train.n_items)
        user = offsets(
            train.batch.user, train.rating - mean - item[train.batch.item], train.n_users
        )
        return cls(mean, user, item)

    def predict(self, batch):
        return self.mean + self.own("user", batch) + self.own("item", batch)

    def own(self, side, batch):
        vector = batch.vector(side)
        return (
            self.biases(side)[getattr(batch, side)] if vector is None else np.asarray(vector)[:, 0]
        )

    def biases(self, side):
        return self.user if side == "user" else self.item

    def embeddings(self, side):
        return self.biases(side)[:, None]

    def vectors(self, side):
        return self.biases(side)[:, None]

    def terms(self, batch):
        mean = np.full(len(batch), self.mean)
        return {"mean": mean, "user": self.user[batch.user], "item": self.item[batch.item]}

    def state(self):
        return {"mean": np.array([self.mean]), "user": self.user, "item": self.item}

    @classmethod
    def restored(cls, state):
        return cls(state["mean"][0], state["user"], state["item"])


def offsets(codes, residual, size):
    return np.bincount(codes, residual, size) / (np.bincount(codes, minlength=size) + 3)


class Swapped(Offsets):
    def own(self, side, batch):
        codes = batch.item if side == "user" else batch.user
        return self.biases(side)[codes % len(self.biases(side))]


class OrderTaught(Offsets):
    @classmethod
    def learned(cls, train):
        sound = Offsets.learned(train)
        last = np.zeros(train.n_users)
        last[train.batch.user] = train.rating - sound.mean
        return cls(sound.mean, sound.user + 0.1 * last, sound.item)


class Unseeded(Offsets):
    @classmethod
    def learned(cls, train):
        sound = Offsets.learned(train)
        return cls(sound.mean, sound.user + np.random.normal(0, 0.01, train.n_users), sound.item)


class Centring(Offsets):
    @classmethod
    def learned(cls, train):
        sound = Offsets.learned(train)
        train.rating[:] -= sound.mean
        return cls(sound.mean, sound.user, sound.item)


class Overwriting(Offsets):
    def predict(self, batch):
        rating = super().predict(batch)
        np.negative(batch.item, out=batch.item)
        return rating


class Distinct(Offsets):
    def predict(self, batch):
        rating = super().predict(batch)
        first = {
            pair: row
            for row, pair in reversed(list(enumerate(zip(batch.user, batch.item, strict=True))))
        }
        return rating[sorted(first.values())]


class Sorting(Offsets):
    def predict(self, batch):
        return super().predict(batch[np.lexsort((batch.item, batch.user))])


class NanForRare(Offsets):
    @classmethod
    def learned(cls, train):
        sound = Offsets.learned(train)
        count = np.bincount(train.batch.item, minlength=train.n_items)
        return cls(sound.mean, sound.user, np.where(count == 1, np.nan, sound.item))


def found_in_frames(name):
    frame = sys._getframe()
    while name not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals[name]


class NameReading(Offsets):
    @classmethod
    def learned(cls, train):
        sound, ids = Offsets.learned(train), found_in_frames("task").catalogue.user.ids
        return cls(
            sound.mean, sound.user + 0.01 * np.array([len(str(each)) for each in ids]), sound.item
        )


class Peeking(Offsets):
    @classmethod
    def learned(cls, train):
        sound, held = Offsets.learned(train), found_in_frames("task").valid
        return cls((sound.mean + held.rating.mean()) / 2, sound.user, sound.item)


class Forgetful(Offsets):
    def state(self):
        return {**super().state(), "item": np.zeros_like(self.item)}


KEPT: dict[int, Offsets] = {}


class Remembering(Offsets):
    def state(self):
        KEPT[id(self)] = self
        return {"key": np.array([id(self)])}

    @classmethod
    def restored(cls, state):
        return KEPT[int(state["key"][0])]


class BatchCentring(Offsets):
    def predict(self, batch):
        rating = super().predict(batch)
        return rating - rating.mean() + self.mean if len(rating) else rating


class Squeezing(Offsets):
    def predict(self, batch):
        return np.squeeze(super().predict(batch))


class EmptyShy(Offsets):
    def predict(self, batch):
        rating = super().predict(batch)
        return np.minimum(rating, rating.max())


class LonelyShy(Offsets):
    @classmethod
    def learned(cls, train):
        if train.n_users == 1:
            raise ZeroDivisionError("division by zero")
        return super().learned(train)


class Knowing(Offsets):
    def predict(self, batch):
        return np.full(len(batch), self.mean)


class WrongSide(Offsets):
    def own(self, side, batch):
        return (self.user if side == "user" else self.item)[getattr(batch, side)]

    def biases(self, side):
        return self.item if side == "user" else self.user


class Flat(Offsets):
    def embeddings(self, side):
        return self.biases(side)


class ShortOfMean(Offsets):
    def terms(self, batch):
        return {name: term for name, term in super().terms(batch).items() if name != "mean"}


class Shifting(Offsets):
    def terms(self, batch):
        user = self.user[batch.user]
        middle = np.full(len(batch), user.mean())
        return {**super().terms(batch), "user": user - middle, "users": middle}


class Deaf(Offsets):
    def own(self, side, batch):
        return self.biases(side)[getattr(batch, side)]


class IncompleteVectors(Offsets):
    def vectors(self, side):
        return np.zeros((len(self.user), 1)) if side == "user" else super().vectors(side)


def __getattr__(name):
    """`fit_NAME` and `restore_NAME` of each class above."""
    verb, _, fault = name.partition("_")
    made = (
        globals().get("".join(part.capitalize() for part in fault.split("_")))
        if verb in ("fit", "restore")
        else None
    )
    if made is None and fault != "sound":
        raise AttributeError(name)
    return fitting(made or Offsets) if verb == "fit" else restoring(made or Offsets)


def fitting(made):
    def fit(params, train, context):
        return made.learned(train)

    return fit


def restoring(made):
    def restore(params, state):
        return made.restored(state)

    return restore


# Models that learn by gradient


def net(params, spec, fault=""):
    """output = p_u . q_i + b_u + b_i, with `fault`."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.user = torch.nn.Embedding(spec.n_users, params.factors + 1)
            self.item = torch.nn.Embedding(spec.n_items, params.factors + 1)
            for table in (self.user, self.item):
                torch.nn.init.normal_(table.weight, std=0.1)
            if fault == "unseeded":
                self.user.weight.data += torch.as_tensor(
                    np.random.normal(0, 0.01, self.user.weight.shape)
                ).float()
            self.seen = torch.zeros(spec.n_items)

        def forward(self, batch):
            users, items = batch.user, batch.item
            if fault == "swapped" and not self.training:
                users, items = items % spec.n_users, users % spec.n_items
            p, q = self.user(users), self.item(items)
            output = (p[:, :-1] * q[:, :-1]).sum(dim=1) + p[:, -1] + q[:, -1]
            if fault == "counting":
                output = output + 1e-4 * torch.arange(len(output))
            if fault == "forgetful":
                if self.training:
                    self.seen[items] = 0.1
                output = output + self.seen[items]
            return output[:, None] * torch.ones(spec.n_outputs)

    return Net()


def sound_net(params, spec):
    return net(params, spec)


def swapped_net(params, spec):
    return net(params, spec, "swapped")


def counting_net(params, spec):
    return net(params, spec, "counting")


def unseeded_net(params, spec):
    return net(params, spec, "unseeded")


def forgetful_net(params, spec):
    return net(params, spec, "forgetful")
