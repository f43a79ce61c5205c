"""Analyzers with one fault each, which the help names, and sound ones."""

from __future__ import annotations

import html
import random

import numpy as np

import cfplug
from cfplug import Chart, Section, Table


@cfplug.hookimpl
def cfplug_analyzers() -> list[cfplug.Analyzer]:
    return [
        cfplug.Analyzer(
            "sound", analyze=sound, help="The worst predictions, with the titles of their items."
        ),
        cfplug.Analyzer(
            "sound-biases", analyze=sound_biases, requires="biases", help="The highest biases."
        ),
        cfplug.Analyzer(
            "sound-sample", analyze=sound_sample, help="Some held-out ratings, drawn with the seed."
        ),
        cfplug.Analyzer(
            "trains-further", analyze=trains_further, help="It trains the model for another step."
        ),
        cfplug.Analyzer(
            "moves-a-bias",
            analyze=moves_a_bias,
            requires="biases",
            help="It centres the model's biases.",
        ),
        cfplug.Analyzer(
            "sorts-the-evidence", analyze=sorts_the_evidence, help="It sorts the evidence in place."
        ),
        cfplug.Analyzer(
            "adds-to-the-data", analyze=adds_to_the_data, help="It writes a column into the users."
        ),
        cfplug.Analyzer(
            "marked-up", analyze=marked_up, help="Its text says of itself that it is safe as HTML."
        ),
        cfplug.Analyzer(
            "escaped-twice", analyze=escaped_twice, help="It escapes what the page escapes again."
        ),
        cfplug.Analyzer(
            "different-each-time", analyze=different_each_time, help="It draws without the seed."
        ),
        cfplug.Analyzer(
            "undeclared", analyze=sound_biases, help="It needs biases and does not say so."
        ),
        cfplug.Analyzer(
            "beyond-numbers", analyze=beyond_numbers, help="A cell of its table is not a number."
        ),
        cfplug.Analyzer(
            "lists-in-cells",
            analyze=lists_in_cells,
            help="A cell of its chart holds several values.",
        ),
        cfplug.Analyzer("untitled", analyze=untitled, help="Its section has no title."),
        cfplug.Analyzer(
            "wants-times", analyze=wants_times, help="Without times it raises KeyError."
        ),
        cfplug.Analyzer(
            "wants-spread", analyze=wants_spread, help="For equal ratings it divides by zero."
        ),
        cfplug.Analyzer("gives-text", analyze=gives_text, help="It gives text, not a Section."),
    ]


def _titles(fitted, items):
    codes = fitted.catalogue.item.encode(items)
    return [fitted.catalogue.item.label(code) for code in codes.tolist()]


def _worst(fitted):
    held_out = fitted.evidence.held_out
    error = (held_out["rating"] - held_out["prediction"]).abs()
    return held_out.assign(error=error).sort_values("error", ascending=False, kind="stable").head(5)


def _table(fitted):
    worst = _worst(fitted)
    rows = zip(
        _titles(fitted, worst["item"]),
        worst["rating"].tolist(),
        worst["prediction"].round(3),
        strict=True,
    )
    return Table("Worst predictions", ("title", "rating", "prediction"), rows)


def sound(params, fitted, context):
    table = _table(fitted)
    chart = Chart(
        "Worst predictions",
        "point",
        table.columns,
        table.rows,
        x="rating",
        y="prediction",
        label="title",
    )
    return Section(
        f"Where {fitted.name} fails", [f"Most for {table.rows[0][0]}."], [table], [chart]
    )


def sound_biases(params, fitted, context):
    biases = fitted.biases("item").sort_values(kind="stable").tail(3)
    rows = zip(_titles(fitted, biases.index), biases.round(3).tolist(), strict=True)
    return Section("Biases", [], [Table("Highest", ("title", "bias"), rows)])


def sound_sample(params, fitted, context):
    held_out = fitted.evidence.held_out
    drawn = np.sort(context.rng.permutation(len(held_out))[:4])
    rows = held_out.iloc[drawn][["rating", "prediction"]].round(3).to_numpy().tolist()
    return Section("A sample", [], [Table("Some ratings", ("rating", "prediction"), rows)])


# The model and the evidence


def trains_further(params, fitted, context):
    import torch

    scored = fitted.predictor.scored
    optimizer = torch.optim.SGD(scored.parameters(), lr=0.01)
    batch = fitted.catalogue.encode(fitted.evidence.train).to("cpu")
    outputs = scored.module(batch)
    outputs.square().mean().backward()
    optimizer.step()
    return sound_sample(params, fitted, context)


def moves_a_bias(params, fitted, context):
    biases = fitted.predictor.biases("item")
    weights = dict(fitted.predictor.scored.named_parameters())
    name = next(name for name in weights if "bias" in name and "item" in name)
    weights[name].data -= float(np.mean(biases))
    return sound_sample(params, fitted, context)


def sorts_the_evidence(params, fitted, context):
    held_out = fitted.evidence.held_out
    for name, column in held_out.sort_values("prediction", kind="stable").items():
        held_out[name] = column.to_numpy()
    return sound(params, fitted, context)


def adds_to_the_data(params, fitted, context):
    users = fitted.evidence.dataset.users
    users["ratings"] = users["user"].map(fitted.evidence.train["user"].value_counts()).fillna(0)
    return sound(params, fitted, context)


# What it tells


class Safe(str):
    """Text as a template takes it for HTML."""

    def __html__(self):
        return str(self)


def marked_up(params, fitted, context):
    return Section("Worst", [Safe(f"<p>Most for {_table(fitted).rows[0][0]}</p>")])


def escaped_twice(params, fitted, context):
    return Section("Worst", [f"Most for {html.escape(_table(fitted).rows[0][0])}"])


def different_each_time(params, fitted, context):
    held_out = fitted.evidence.held_out
    some = [held_out["rating"].tolist()[random.randrange(len(held_out))] for _ in range(20)]
    return Section("A sample", [], [Table("Some ratings", ("rating",), [(each,) for each in some])])


def beyond_numbers(params, fitted, context):
    return Section("Shares", [], [Table("Shares", ("share",), [(float("nan"),)])])


def lists_in_cells(params, fitted, context):
    rows = [(1, ("a", "b"))]
    return Section("Lists", [], [], [Chart("Lists", "point", ("n", "names"), rows, x="n", y="n")])


def untitled(params, fitted, context):
    return Section("", ["Something is wrong."])


def wants_times(params, fitted, context):
    first = fitted.evidence.train["time"].min()
    return Section("When", [f"The first rating is of {first:%Y}."])


def wants_spread(params, fitted, context):
    train = fitted.evidence.train["rating"]
    ends = {int(each) for each in (train.min(), train.max())}
    return Section("Spread", [f"The scale is used to {100 / (max(ends) - min(ends)):.0f} %."])


def gives_text(params, fitted, context):
    return "all is well"
