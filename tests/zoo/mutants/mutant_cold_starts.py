"""Cold-start strategies with one fault each, which the help names, and sound ones."""

from __future__ import annotations

import numpy as np
from attrs import frozen

import cfplug


@cfplug.hookimpl
def cfplug_cold_starts() -> list[cfplug.ColdStart]:
    def strategy(name, adapt, help, **more):
        return cfplug.ColdStart(name, adapt=adapt, help=help, **more)

    def asking(name, ask, help):
        return cfplug.ColdStart(name, adapt=sound, ask=ask, help=help)

    return [
        strategy(
            "sound",
            sound,
            "The mean of what is known of either side, and of a newcomer's own ratings.",
        ),
        strategy(
            "sound-vectors", sound_vectors, "The mean vector, for newcomers.", requires=["vectors"]
        ),
        strategy(
            "sound-metadata",
            sound_metadata,
            "The mean of those with the same metadata.",
            origin="metadata",
        ),
        asking("sound-interview", sound_interview, "The most rated items, one after the other."),
        strategy("too-few", too_few, "It gives one answer for each new user, not for each pair."),
        strategy(
            "sorted",
            sorted_answers,
            "Its answers are in the order of the users, not in that asked.",
        ),
        strategy(
            "knows-the-catalogue",
            knows_the_catalogue,
            "It fails for ids that the catalogue does not have.",
        ),
        strategy("by-name", by_name, "Its answer for an unknown id depends on the name."),
        strategy(
            "counts-none-as-zero",
            counts_none_as_zero,
            "An empty table of ratings is one rating of zero to it.",
        ),
        strategy(
            "peeks-at-values",
            peeks_at_values,
            "It averages the catalogue's ratings, held out or not.",
        ),
        strategy(
            "peeks-at-pairs",
            peeks_at_pairs,
            "It counts who rated what in the catalogue, held out or not.",
        ),
        strategy(
            "centres-on-the-asked",
            centres_on_the_asked,
            "It centres its answers on those who are asked about.",
        ),
        strategy(
            "remembers-the-first",
            remembers_the_first,
            "It keeps for all what the first newcomers revealed.",
        ),
        strategy(
            "first-comes-first", first_comes_first, "It believes the first revealed rating alone."
        ),
        strategy(
            "not-a-number",
            not_a_number,
            "It averages the missing ratings of items that were not seen.",
        ),
        strategy(
            "random-prior", random_prior, "What it expects of newcomers is drawn, each time anew."
        ),
        strategy(
            "trains-further",
            trains_further,
            "It moves the model a little each time.",
            requires=["vectors"],
        ),
        strategy(
            "fills-in", fills_in, "It writes the mean into the ratings that newcomers revealed."
        ),
        strategy("adds-a-column", adds_a_column, "It writes its answers into the table of pairs."),
        strategy(
            "calls-it-warm",
            sound,
            "Its answers bear the word of those that the model knows.",
            origin="warm",
        ),
        strategy(
            "half-a-chance",
            half_a_chance,
            "Its distribution sums to one half.",
            provides=["distribution"],
        ),
        strategy(
            "sure-of-nothing",
            sound,
            "It declares a deviation and gives none.",
            provides=["deviation"],
        ),
        asking("asks-again", asks_again, "It asks about two items in turn, for ever."),
        asking("asks-on", asks_on, "It asks about items of the catalogue that training never saw."),
        asking(
            "remembers-others",
            remembers_others,
            "It goes on where it stopped with the user before.",
        ),
        asking(
            "asks-what-is-held-out",
            asks_what_is_held_out,
            "It asks about what is rated most, held out or not.",
        ),
    ]


@frozen(eq=False)
class Means:
    """The damped mean of a newcomer's own ratings; `prior` is the answer without any."""

    fitted: cfplug.FittedModel
    newcomers: cfplug.Newcomers
    shift: float = 0.0

    def prior(self, pairs):
        codes, support = self.fitted.catalogue.encode(pairs), self.fitted.support
        answers = np.full(len(pairs), support.mean)
        for side in ("user", "item"):
            code = getattr(codes, side)
            known = support.trained(side, code)
            count, total = support.count[side][code[known]], support.sum[side][code[known]]
            answers[known] = (total + 5 * support.mean) / (count + 5)
        return answers + self.shift

    def predict(self, pairs):
        answers, ratings = self.prior(pairs), self.newcomers.ratings
        for side in ("user", "item"):
            said = {}
            for each, rating in zip(
                ratings[side].tolist(), ratings["rating"].tolist(), strict=True
            ):
                if rating == rating:
                    said.setdefault(each, []).append(rating)
            for row, each in enumerate(pairs[side].tolist()):
                mine = said.get(each, [])
                answers[row] = (sum(mine) + 3 * answers[row]) / (len(mine) + 3)
        return answers


def sound(params, fitted, newcomers, context):
    return Means(fitted, newcomers)


def sound_vectors(params, fitted, newcomers, context):
    vectors = {}
    for side in ("user", "item"):
        mean = fitted.vectors(side)[fitted.support.count[side] > 0].mean(axis=0)
        vectors[side] = np.tile(mean, (len(newcomers.table(side)), 1))
    from cfplug.prediction.vectors import ByVectors

    return ByVectors(fitted, newcomers, vectors)


class ByGroup(Means):
    def predict(self, pairs):
        answers = self.prior(pairs)
        groups, train = self.fitted.catalogue.metadata["user"].table["group"], self.fitted.train
        of_rating = groups.to_numpy()[train.batch.user]
        places = self.newcomers.places("user", pairs["user"])
        for row, place in enumerate(places.tolist()):
            group = None if place < 0 else self.newcomers.users["group"].iloc[place]
            mine = train.rating[of_rating == group] if isinstance(group, str) else []
            if len(mine):
                answers[row] = (answers[row] + np.mean(mine)) / 2
        return answers


def sound_metadata(params, fitted, newcomers, context):
    return ByGroup(fitted, newcomers)


# Answers


class TooFew(Means):
    def predict(self, pairs):
        return Means.predict(self, pairs.drop_duplicates("user"))


def too_few(params, fitted, newcomers, context):
    return TooFew(fitted, newcomers)


class Sorted(Means):
    def predict(self, pairs):
        return Means.predict(
            self, pairs.iloc[np.argsort(pairs["user"].astype(str).to_numpy(), kind="stable")]
        )


def sorted_answers(params, fitted, newcomers, context):
    return Sorted(fitted, newcomers)


class Listed(Means):
    def predict(self, pairs):
        users = {each: row for row, each in enumerate(self.fitted.catalogue.user.ids)}
        items = {each: row for row, each in enumerate(self.fitted.catalogue.item.ids)}
        for user, item in pairs[["user", "item"]].itertuples(index=False, name=None):
            users[user], items[item]
        return Means.predict(self, pairs)


def knows_the_catalogue(params, fitted, newcomers, context):
    return Listed(fitted, newcomers)


class ByName(Means):
    def prior(self, pairs):
        return (
            Means.prior(self, pairs) + np.array([len(str(each)) % 7 for each in pairs["user"]]) / 10
        )


def by_name(params, fitted, newcomers, context):
    return ByName(fitted, newcomers)


def counts_none_as_zero(params, fitted, newcomers, context):
    ratings = newcomers.ratings
    introduced = len(newcomers.users) > len(newcomers.ratings["user"].drop_duplicates())
    if not len(ratings) and ratings["user"].dtype == object and introduced:
        return Means(fitted, newcomers, shift=-0.5)
    return Means(fitted, newcomers)


def peeks_at_values(params, fitted, newcomers, context):
    return Means(
        fitted, newcomers, shift=float(fitted.catalogue.rated_rating.mean()) - fitted.support.mean
    )


class Popular(Means):
    def prior(self, pairs):
        counts = np.bincount(
            self.fitted.catalogue.rated_item, minlength=len(self.fitted.catalogue.item)
        )
        codes = self.fitted.catalogue.encode(pairs).item
        return Means.prior(self, pairs) + np.where(codes < 0, 0, counts[codes]) / counts.max()


def peeks_at_pairs(params, fitted, newcomers, context):
    return Popular(fitted, newcomers)


class Centred(Means):
    def predict(self, pairs):
        answers = Means.predict(self, pairs)
        return answers - answers.mean() + self.fitted.support.mean


def centres_on_the_asked(params, fitted, newcomers, context):
    return Centred(fitted, newcomers)


def remembers_the_first(params, fitted, newcomers, context):
    shift = fitted.once("mutant first", lambda: len(newcomers.users) / 10)
    return Means(fitted, newcomers, shift=shift)


class FirstComes(Means):
    def predict(self, pairs):
        answers, said = self.prior(pairs), self.newcomers.ratings.dropna(subset="rating")
        first = dict(
            said[["user", "rating"]].drop_duplicates("user").itertuples(index=False, name=None)
        )
        return np.array(
            [first.get(user, answer) for user, answer in zip(pairs["user"], answers, strict=True)]
        )


def first_comes_first(params, fitted, newcomers, context):
    return FirstComes(fitted, newcomers)


class Plain(Means):
    def predict(self, pairs):
        answers, said = self.prior(pairs), self.newcomers.ratings
        for user in said["user"].drop_duplicates().tolist():
            rows = (pairs["user"] == user).to_numpy()
            answers[rows] = said["rating"][(said["user"] == user).to_numpy()].to_numpy().mean()
        return answers


def not_a_number(params, fitted, newcomers, context):
    return Plain(fitted, newcomers)


def random_prior(params, fitted, newcomers, context):
    return Means(fitted, newcomers, shift=float(np.random.normal()))


# The model and its input


def trains_further(params, fitted, newcomers, context):
    head = next(iter(fitted.predictor.scored.parameters()))
    head.data += 0.01
    return sound_vectors(params, fitted, newcomers, context)


def fills_in(params, fitted, newcomers, context):
    if len(newcomers.ratings):
        newcomers.ratings["rating"] = newcomers.ratings["rating"].clip(upper=4.5)
    return Means(fitted, newcomers)


class Writing(Means):
    def predict(self, pairs):
        pairs["answer"] = Means.predict(self, pairs)
        return pairs["answer"].to_numpy()


def adds_a_column(params, fitted, newcomers, context):
    return Writing(fitted, newcomers)


class Half(Means):
    def distribution(self, pairs):
        levels = len(self.fitted.levels)
        return np.full((len(pairs), levels), 0.5 / levels)


def half_a_chance(params, fitted, newcomers, context):
    return Half(fitted, newcomers)


# Interviews


@frozen(eq=False)
class Listing:
    """It asks about `items`, one after the other."""

    items: list

    def next(self, answers):
        return next((item for item in self.items if item not in answers), None)


def _most_rated(fitted, counts):
    order = np.argsort(-counts, kind="stable")
    return fitted.catalogue.item.decode(order[counts[order] > 0])


def sound_interview(params, fitted, context):
    return Listing(_most_rated(fitted, fitted.support.count["item"]))


class Again:
    def __init__(self, items):
        self.items = items

    def next(self, answers):
        return self.items[len(answers) % 2]


def asks_again(params, fitted, context):
    return Again(_most_rated(fitted, fitted.support.count["item"]))


def asks_on(params, fitted, context):
    known = _most_rated(fitted, fitted.support.count["item"])
    return Listing([*known, *(each for each in fitted.catalogue.item.ids if each not in known)])


class Forward:
    def __init__(self, items):
        self.items = iter(items * 5)

    def next(self, answers):
        return next((item for item in self.items if item not in answers), None)


def remembers_others(params, fitted, context):
    return Forward(_most_rated(fitted, fitted.support.count["item"]))


def asks_what_is_held_out(params, fitted, context):
    everything = np.bincount(fitted.catalogue.rated_item, minlength=len(fitted.catalogue.item))
    return Listing(_most_rated(fitted, np.where(fitted.support.count["item"] > 0, everything, 0)))
