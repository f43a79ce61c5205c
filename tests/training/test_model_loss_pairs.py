"""Check every model that learns by gradient with every loss, whatever the registry lists."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import cfplug
from cfplug import Context, DataError, Dataset, Loss, Model, RecipeError
from cfplug.data.catalogue import Catalogue
from cfplug.files import arrays_to_bytes, read_arrays
from cfplug.plugin.registry import Registry, load
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.network import NetworkPredictor
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import ModelUse
from cfplug.runs.run import Run
from cfplug.training.checkpoint import Epoch, Watch
from cfplug.training.features import learn
from cfplug.training.fit import Fitted, Task, arrays_of, fit, restore, untrained, words_of
from cfplug.training.learner import train
from cfplug.training.module import Scored

N_USERS, N_ITEMS = 11, 17
"""Sizes that occur once in a module, so that the number of rows identifies a table."""

SMALL: Mapping[str, str] = {
    "pmf": "factors: 3, init_deviation: 0.3",
    "dot-product": "factors: 3, init_deviation: 0.3",
    "embedding-nn": "user_factors: 3, item_factors: 4, layers: [5], init_deviation: 0.3",
    "tabular": "user_factors: 3, item_factors: 4, layers: [5], init_deviation: 0.3",
    "mini-net": "factors: 3, hidden: 12, dropout: 0, embedding_dropout: 0, init_range: 0.3",
}
"""Parameters of models, small and without randomness in a step; others have defaults."""

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "mse": ("", "range: [0.5, 5.5]"),
    "ordinal": ("", "cut_points: per-user"),
}
"""What of a loss is more than one kind of head; any other has its defaults."""

FEATURES = "{user: all, item: all, time: [month, day-of-week, elapsed, item-age], context: all}"


@functools.cache
def registry() -> Registry:
    return load(environment={})


@frozen
class Pair:
    """A model, a loss, and parameters of the loss."""

    model: str
    loss: str
    more: str = ""

    def __str__(self) -> str:
        return f"{self.model} with {self.loss}{' ' if self.more else ''}{self.more}"

    def use(self, train: str = "epochs: 2, batch_size: 32") -> ModelUse:
        """The entry of a recipe."""
        lines = [
            "data: synthetic",
            f"models: [{{use: {self.model}, {SMALL.get(self.model, '')}}}]",
            f"loss: {{use: {self.loss}, {self.more}}}",
            f"train: {{{train}}}",
            f"features: {FEATURES}" if _looks(self.model) else "",
        ]
        return parse_recipe("\n".join(lines), "pair.yaml", registry=registry()).models[0]

    @property
    def gives_distribution(self) -> bool:
        return "distribution" in _declared("loss", self.loss).provides


def _declared(kind: str, name: str) -> Any:
    return registry().find(kind, name).component


def _looks(model: str) -> bool:
    return bool(_declared("model", model).uses_features)


def listed() -> Iterator[Pair]:
    models = [each.component for each in registry().entries("model")]
    losses = [each.component for each in registry().entries("loss")]
    for model in models:
        assert isinstance(model, Model)
        for loss in losses if model.learns_by_gradient else ():
            assert isinstance(loss, Loss)
            yield from (
                Pair(model.name, loss.name, more) for more in VARIANTS.get(loss.name, ("",))
            )


PAIRS = list(listed())
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=str)


# Data in which every id and every category occurs, with gaps wherever there may be one


def _with_gaps(values: Any, rng: np.random.Generator) -> pd.Series[Any]:
    """`values` with one in five missing."""
    return pd.Series(values).mask(rng.random(len(values)) < 0.2)


@functools.cache
def small() -> Dataset:
    rng = np.random.default_rng(7)
    users = pd.DataFrame({"user": np.arange(N_USERS) * 3 + 100})
    users["age"] = _with_gaps(rng.integers(15, 70, N_USERS).astype(float), rng)
    users["job"] = _with_gaps(np.array(["cook", "nurse", "pilot"])[np.arange(N_USERS) % 3], rng)
    items = pd.DataFrame({"item": np.arange(N_ITEMS) * 2 + 500})
    items["year"] = _with_gaps(rng.integers(1950, 2000, N_ITEMS).astype(float), rng)
    genres = ("drama", "war", "comedy", "noir")
    items["genres"] = [
        tuple(rng.choice(genres, size=at % 4, replace=False)) for at in range(N_ITEMS)
    ]
    user, item = np.divmod(rng.permutation(N_USERS * N_ITEMS)[:130], N_ITEMS)
    n = len(user)
    days = rng.permutation(n) * 7.3 + rng.integers(0, 7, n)
    ratings = pd.DataFrame(
        {"user": users["user"].to_numpy()[user], "item": items["item"].to_numpy()[item]}
    )
    ratings["rating"] = ((user * 2 + item * 3) % 5 + 1).astype(float)
    ratings["time"] = _with_gaps(
        pd.Timestamp("1998-01-01") + pd.to_timedelta(np.round(days), "D"), rng
    )
    ratings["device"] = _with_gaps(np.array(["tv", "phone"])[np.arange(n) % 2], rng)
    ratings["mood"] = [
        tuple(rng.choice(["glad", "sad", "odd"], size=at % 3, replace=False)) for at in range(n)
    ]
    roles = {"users": {"job": "category"}, "ratings": {"device": "category"}}
    return Dataset.build("small", ratings, users, items, roles=roles)


VALID = np.arange(100, 130)
TRAIN = np.arange(100)


def task(use: ModelUse, dataset: Dataset | None = None, rows: np.ndarray = TRAIN) -> Task:
    """The model's work on `rows` of the data, as the runner prepares it."""
    data = small() if dataset is None else dataset
    catalogue = Catalogue.of(data)
    parts = [catalogue.interactions(data.ratings, part) for part in (rows, VALID)]
    features = None
    if use.features is not None:
        features, _ = learn(use.features, data, rows)
        parts = [
            features.attached(*one)
            for one in zip(parts, [data.ratings] * 2, (rows, VALID), strict=True)
        ]
    context = Context(
        3, np.random.default_rng(3), "cpu", Path(), lambda done, message: None, lambda text: None
    )
    return Task(use, catalogue, parts[0], parts[1], data.scale, None, context, features)


def trained(work: Task, scored: Scored, watch: Watch | None = None) -> NetworkPredictor:
    """`scored`, trained by cfplug's own loop."""
    assert work.use.train is not None
    named: dict[str, Any] = {
        "name": work.use.name,
        "seed": work.seed,
        "device": "cpu",
        "watch": watch or Watch(),
    }
    train(scored, (work.train, work.valid), work.use.train, **named)
    return NetworkPredictor(scored, "cpu")


@functools.cache
def fitted(pair: Pair) -> Fitted:
    """The pair, trained for two epochs; shared by tests that do not change it."""
    return fit(task(pair.use()), Watch())


def asked() -> pd.DataFrame:
    """Every rating without its value."""
    return small().ratings.drop(columns="rating")


def test_the_registry_lists_the_pairs_that_are_meant() -> None:
    assert {pair.model for pair in PAIRS} >= {
        "pmf",
        "dot-product",
        "embedding-nn",
        "tabular",
        "mini-net",
    }
    assert {pair.loss for pair in PAIRS} >= {"mse", "mae", "huber", "cross-entropy", "ordinal"}


def test_the_data_names_every_id_and_has_gaps_everywhere() -> None:
    data = small()
    assert (len(data.users), len(data.items)) == (N_USERS, N_ITEMS)
    known = data.ratings.iloc[TRAIN]
    assert (known["user"].nunique(), known["item"].nunique()) == (N_USERS, N_ITEMS)
    assert all(known[name].isna().any() for name in ("time", "device"))
    assert all(data.users[name].isna().any() for name in ("age", "job"))
    assert data.items["year"].isna().any()


# What every pair does


@every_pair
def test_it_trains_and_predicts_ratings(pair: Pair) -> None:
    one = fitted(pair)
    assert [epoch.epoch for epoch in one.history] == [1, 2]
    assert np.isfinite([(epoch.train_loss, epoch.valid_loss) for epoch in one.history]).all()
    rating = one.model.predict(asked())["prediction"]
    assert len(rating) == len(small().ratings)
    assert np.isfinite(rating).all()
    assert rating.nunique() > 1


@every_pair
def test_it_learns_what_it_is_shown(pair: Pair) -> None:
    work = task(pair.use("epochs: 20, batch_size: 20, learning_rate: 0.05, weight_decay: 0"))
    scored = untrained(work)
    before = _squared_error(work, NetworkPredictor(scored, "cpu"))
    assert _squared_error(work, trained(work, scored)) < 0.8 * before


def _squared_error(work: Task, predictor: NetworkPredictor) -> float:
    """Of the training ratings."""
    return float(((predictor.predict(work.train.batch) - work.train.rating) ** 2).mean())


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.gives_distribution], ids=str)
def test_its_distribution_sums_to_one_and_its_expectation_is_the_rating(pair: Pair) -> None:
    answers = fitted(pair).model.answer(asked())
    assert answers.distribution is not None
    assert answers.levels is not None
    assert answers.levels.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert answers.distribution.shape == (len(asked()), 5)
    assert (answers.distribution >= 0).all()
    np.testing.assert_allclose(answers.distribution.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(answers.distribution @ answers.levels, answers.rating, atol=1e-5)
    assert ((answers.rating >= 1) & (answers.rating <= 5)).all()


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if not pair.gives_distribution], ids=str)
def test_a_loss_without_a_distribution_gives_none(pair: Pair) -> None:
    answers = fitted(pair).model.answer(asked())
    assert (answers.distribution, answers.levels) == (None, None)


@every_pair
def test_its_artifact_gives_the_same_bits(pair: Pair, tmp_path: Path) -> None:
    one, use = fitted(pair).model, pair.use()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(arrays_to_bytes(arrays_of(one)))
    words = json.loads(json.dumps(words_of(one, small().scale), allow_nan=False))
    again = restore(use, one.catalogue, words, read_arrays(path)[0], None)
    assert_same_answers(again, one, asked())
    assert again.provides == one.provides
    assert bits(arrays_of(again)) == bits(arrays_of(one))


def assert_same_answers(found: FittedModel, expected: FittedModel, pairs: pd.DataFrame) -> None:
    """To the last bit."""
    answers, others = found.answer(pairs), expected.answer(pairs)
    assert answers.rating.tobytes() == others.rating.tobytes()
    assert (answers.distribution is None) == (others.distribution is None)
    if answers.distribution is not None and others.distribution is not None:
        assert answers.distribution.tobytes() == others.distribution.tobytes()


def bits(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[Any, bytes]]:
    return {name: (array.shape, array.tobytes()) for name, array in arrays.items()}


@every_pair
def test_a_batch_gives_what_its_rows_give_one_by_one(pair: Pair) -> None:
    """But for the last bit: what a linear layer rounds depends on where in a batch a row is."""
    one, pairs = fitted(pair).model, asked()
    whole = one.answer(pairs)
    order = np.random.default_rng(1).permutation(len(pairs))
    np.testing.assert_allclose(
        one.answer(pairs.iloc[order]).rating, whole.rating[order], rtol=1e-6, atol=1e-6
    )
    for row in range(0, len(pairs), 29):
        alone = one.answer(pairs.iloc[[row]])
        np.testing.assert_allclose(alone.rating, whole.rating[[row]], rtol=1e-6, atol=1e-6)
        if alone.distribution is not None and whole.distribution is not None:
            np.testing.assert_allclose(alone.distribution, whole.distribution[[row]], rtol=1e-5)


# What does not matter

WHOLE = (
    "epochs: 6, batch_size: 100, weight_decay: 0.1, schedule: constant, learning_rate: "
    "0.01, epsilon: 1e-3"
)
"""One step an epoch. The larger epsilon keeps adam from amplifying a rounding error."""


@every_pair
def test_the_order_of_the_rows_does_not_matter(pair: Pair) -> None:
    """Check that with all rows in a step, another order changes only rounding."""
    order = np.random.default_rng(5).permutation(TRAIN)
    assert (order != TRAIN).any()
    first, other = (task(pair.use(WHOLE), rows=rows) for rows in (TRAIN, order))
    found, expected = (
        trained(work, untrained(work)).predict(first.valid.batch) for work in (other, first)
    )
    assert not np.allclose(
        expected, NetworkPredictor(untrained(first), "cpu").predict(first.valid.batch), atol=1e-3
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


@every_pair
def test_the_names_of_ids_do_not_matter(pair: Pair) -> None:
    data = small()
    names = {
        side: {each: f"{side} {each}" for each in data.tables()[f"{side}s"][side]}
        for side in ("user", "item")
    }
    renamed = evolve(
        data,
        users=data.users.assign(user=data.users["user"].map(names["user"])),
        items=data.items.assign(item=data.items["item"].map(names["item"])),
        ratings=_renamed(data.ratings, names),
    )
    other = fit(task(pair.use(), renamed), Watch()).model
    assert other.catalogue.user.ids[0] == "user 100"
    found, expected = other.answer(_renamed(asked(), names)), fitted(pair).model.answer(asked())
    assert found.rating.tobytes() == expected.rating.tobytes()
    assert bits(arrays_of(other)) == bits(arrays_of(fitted(pair).model))


def _renamed(table: pd.DataFrame, names: Mapping[str, Mapping[Any, Any]]) -> pd.DataFrame:
    return table.assign(**{side: table[side].map(each) for side, each in names.items()})


@every_pair
def test_the_order_of_users_and_items_in_their_tables_does_not_matter(pair: Pair) -> None:
    """Give row c of a table to the new code of id c, so that both starts are alike."""
    data, rng = small(), np.random.default_rng(11)
    moved = {"user": rng.permutation(N_USERS), "item": rng.permutation(N_ITEMS)}
    shuffled = evolve(
        data, users=_moved(data.users, moved["user"]), items=_moved(data.items, moved["item"])
    )
    first, other = task(pair.use(), data), task(pair.use(), shuffled)
    start, again = untrained(first), untrained(other)
    again.load_state_dict(_dealt(start.state_dict(), moved))
    expected, found = (
        trained(first, start).predict(first.valid.batch),
        trained(other, again).predict(other.valid.batch),
    )
    assert (first.valid.batch.user != other.valid.batch.user).any()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def _moved(table: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    return table.iloc[order].reset_index(drop=True)


def _dealt(
    state: Mapping[str, torch.Tensor], moved: Mapping[str, np.ndarray]
) -> dict[str, torch.Tensor]:
    """Return the weights with the rows of each table of users or items in the new order."""
    orders = {len(order): torch.as_tensor(order) for order in moved.values()}
    return {
        name: tensor[orders[len(tensor)]].clone()
        if tensor.dim() == 2 and len(tensor) in orders
        else tensor.clone()
        for name, tensor in state.items()
    }


# What the gradients reach


@every_pair
def test_gradients_reach_every_parameter_and_every_row_that_is_looked_up(pair: Pair) -> None:
    work = task(pair.use())
    scored = untrained(work).train()
    looked: dict[str, torch.Tensor] = {}
    for name, part in scored.named_modules():
        if isinstance(part, nn.Embedding):
            part.register_forward_hook(functools.partial(_note, looked, name))
    rating = torch.as_tensor(work.train.rating, dtype=torch.float32)
    scored.head.loss(scored(work.train.batch.to("cpu")), rating).backward()  # type: ignore[operator, union-attr]
    for name, parameter in scored.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    for name, codes in looked.items():
        embedding = scored.get_submodule(name)
        assert isinstance(embedding, nn.Embedding)
        assert embedding.weight.grad is not None
        rows = embedding.weight.grad.abs().sum(dim=1).nonzero()[:, 0].tolist()
        # row 0 of a set's members fills up short sets: it is zero and stays so
        assert set(rows) == set(codes.flatten().tolist()) - {embedding.padding_idx}, name
        assert len(rows) >= len(embedding.weight) - 1, (
            f"{name}: the data names too few categories to test"
        )


def _note(
    looked: dict[str, torch.Tensor], name: str, _part: nn.Module, given: Any, _output: Any
) -> None:
    looked[name] = given[0]


@every_pair
def test_an_empty_set_stays_zero_whatever_is_learned(pair: Pair) -> None:
    scored = fitted(pair).model.predictor.scored
    padded = [
        part
        for part in scored.modules()
        if isinstance(part, nn.Embedding) and part.padding_idx is not None
    ]
    assert len(padded) == (2 if _looks(pair.model) else 0)
    for part in padded:
        assert part.weight[part.padding_idx].abs().sum() == 0
        assert part.weight.abs().sum() > 0


# Cut points


@settings(max_examples=12, deadline=None)
@given(
    personal=st.booleans(),
    rate=st.sampled_from([1e-3, 0.05, 1.0, 20.0]),
    optimizer=st.sampled_from(["adam", "sgd"]),
    decay=st.sampled_from([0.0, 0.5]),
    epochs=st.integers(1, 4),
    size=st.sampled_from([7, 32, 100]),
)
def test_cut_points_stay_in_order_after_any_number_of_steps(
    personal: bool, rate: float, optimizer: str, decay: float, epochs: int, size: int
) -> None:
    assume(
        rate * decay < 2
    )  # beyond it a step multiplies every weight by less than -1: no training, whatever the loss
    chosen = (
        f"epochs: {epochs}, batch_size: {size}, learning_rate: {rate}, optimizer: {optimizer}, "
        f"weight_decay: {decay}, schedule: constant, momentum: 0.5"
    )
    work = task(Pair("pmf", "ordinal", "cut_points: per-user" if personal else "").use(chosen))
    scored, seen = untrained(work), []

    def epoch_finished(epoch: Epoch, epochs: int) -> None:
        own = scored.personal.weight if scored.personal is not None else None
        cuts = scored.head.cut_points(own)  # type: ignore[operator, union-attr]
        assert torch.isfinite(cuts).all()
        assert (cuts.diff(dim=1) >= 0).all()
        seen.append(cuts.shape)

    predictor = trained(work, scored, Watch(epoch_finished=epoch_finished))
    assert seen == [(N_USERS if personal else 1, 4)] * epochs
    share = predictor.distribution(work.valid.batch)
    assert np.isfinite(share).all()
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-6)


# Whole runs: what is refused before training, and what is said


RUN = """\
data: {use: synthetic, users: 31, items: 17, ratings: 220}
models: [{use: tabular, layers: [5]}, {use: pmf, factors: 3}]
features: {user: all, item: all, time: all, context: all}
loss: ordinal
train: {epochs: 1}
metrics: [mse, nll]
device: cpu
"""


class Words(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def run(tmp_path: Path, text: str, words: Words | None = None) -> Run:
    recipe = tmp_path / "ours.yaml"
    recipe.write_text(text)
    return cfplug.run(recipe, out=tmp_path / "runs", reporter=words or Quiet())


def test_a_run_says_once_what_features_are_left_out_and_its_models_answer_when_opened(
    tmp_path: Path,
) -> None:
    words = Words()
    run_ = run(tmp_path, RUN + "seeds: [1, 2]\n", words)
    reported = [line.strip() for line in words.said if "features" in line]
    assert reported == [
        "features.item: left out title (label): models do not look at text",
    ]
    again = cfplug.open_run(run_.path)
    assert again.metrics.to_dict("list") == run_.metrics.to_dict("list")
    for one, other in zip(run_.models, again.models, strict=True):
        pd.testing.assert_frame_equal(other.recommend(3, 2), one.recommend(3, 2), check_exact=True)


@pytest.mark.parametrize("loss", ["cross-entropy", "ordinal"])
def test_a_loss_that_needs_levels_is_refused_on_continuous_ratings_before_training(
    loss: str, tmp_path: Path
) -> None:
    text = RUN.replace("ratings: 220", "ratings: 220, step: null").replace("ordinal", loss)
    words = Words()
    with pytest.raises(RecipeError) as caught:
        run(tmp_path, text, words)
    assert str(caught.value) == (
        f"{tmp_path / 'ours.yaml'}:4:7: loss: {loss} needs ratings in levels, such as 1 to 5; "
        f"those of synthetic take "
        "too many different values from 1 to 5 (a loss such as mse needs none)\n1 problem; "
        "nothing was run."
    )
    assert not [line for line in words.said if "epoch" in line]
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_models_own_loss_that_needs_levels_is_reported_at_its_place(tmp_path: Path) -> None:
    text = """\
data: {use: synthetic, users: 31, items: 17, ratings: 220, step: null}
models:
  - {use: pmf, factors: 3}
  - {use: pmf, name: rated, loss: cross-entropy}
train: {epochs: 1}
"""
    with pytest.raises(RecipeError) as caught:
        run(tmp_path, text)
    assert [str(problem).partition(": ")[0] for problem in caught.value.problems] == [
        f"{tmp_path / 'ours.yaml'}:4:35"
    ]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            "{user: [agee]}",
            "features.user: users has no column called agee; did you mean age? (it has age, group)",
        ),
        ("{item: [title]}", "features.item: title has the role label, which no model looks at"),
    ],
)
def test_a_feature_that_the_data_lacks_stops_a_run_before_any_training(
    features: str, message: str, tmp_path: Path
) -> None:
    words = Words()
    text = RUN.replace("{user: all, item: all, time: all, context: all}", features)
    with pytest.raises(DataError) as caught:
        run(
            tmp_path,
            text.replace("models: [", "models: [{use: pmf, name: before, factors: 3}, "),
            words,
        )
    assert str(caught.value) == message
    assert any("tabular" in note and "ours.yaml:2:" in note for note in caught.value.__notes__)
    assert not [line for line in words.said if "epoch" in line]
