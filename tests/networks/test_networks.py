"""The networks against fastai's own, fed by hand, and what of the features goes where in them."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from cfplug_losses import Mse, Ordinal
from cfplug_losses.cumulative import ordinal
from cfplug_losses.errors import squared
from cfplug_networks import Layers, MiniNet, cfplug_models
from cfplug_networks.inputs import Inputs
from cfplug_networks.mini import mini_net
from cfplug_networks.tabular import Network, embedding_nn, tabular
from fastai.collab import EmbeddingNN
from fastai.tabular.model import TabularModel, emb_sz_rule
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cfplug import Batch, Dataset, Scale, Spec
from cfplug.data.catalogue import Catalogue
from cfplug.data.features import Feature, Features
from cfplug.prediction.network import NetworkPredictor
from cfplug.recipe.settings import FeatureChoice
from cfplug.training.features import learn
from cfplug.training.module import Scored

quick = settings(max_examples=12, deadline=None)

SPEC = Spec(n_users=5, n_items=9, n_outputs=1)
WIDE = Layers(
    user_factors=3,
    item_factors=4,
    layers=(6, 5),
    dropout=0.2,
    embedding_dropout=0.1,
    init_deviation=0.5,
)


def batch_of(n: int = 40, spec: Spec = SPEC, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return Batch(
        torch.as_tensor(rng.integers(0, spec.n_users, n)),
        torch.as_tensor(rng.integers(0, spec.n_items, n)),
    )


def codes(batch: Batch) -> torch.Tensor:
    return torch.stack([batch.user, batch.item], dim=1)


# fastai's EmbeddingNN


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        (Layers(layers=(100,)), [(5, emb_sz_rule(5)), (9, emb_sz_rule(9))]),
        (Layers(user_factors=3, layers=(7, 4)), [(5, 3), (9, emb_sz_rule(9))]),
        (Layers(user_factors=3, item_factors=2, layers=()), [(5, 3), (9, 2)]),
    ],
)
def test_embedding_nn_is_fastais_from_the_same_seed(
    params: Layers, sizes: list[tuple[int, int]], batch_norm: bool
) -> None:
    """Equal to the bit: embeddings are drawn again after fastai, so only they are copied."""
    params = Layers(params.user_factors, params.item_factors, params.layers, batch_norm=batch_norm)
    torch.manual_seed(3)
    ours = embedding_nn(params, SPEC)
    torch.manual_seed(3)
    theirs = EmbeddingNN(
        sizes, list(params.layers), use_bn=batch_norm, bn_cont=False
    )  # there are no numbers
    for mine, other in zip(ours.net.embeds, theirs.embeds, strict=True):
        assert mine.weight.shape == other.weight.shape
        other.weight.data.copy_(mine.weight.data)
    for mode in (True, False):
        ours.train(mode)
        theirs.train(mode)
        assert ours(batch_of()).equal(theirs(codes(batch_of())))
    weights = {name.removeprefix("net."): value for name, value in ours.state_dict().items()}
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }


def test_dropout_falls_where_fastais_falls() -> None:
    torch.manual_seed(3)
    ours = embedding_nn(WIDE, SPEC).train()
    theirs = EmbeddingNN(
        [(5, 3), (9, 4)], [6, 5], ps=[0.2, 0.2], embed_p=0.1, bn_cont=False
    ).train()
    theirs.load_state_dict(
        {name.removeprefix("net."): value for name, value in ours.state_dict().items()}
    )
    outputs = []
    for network, given_ in ((ours, batch_of()), (theirs, codes(batch_of()))):
        torch.manual_seed(9)
        outputs.append(network(given_))
    assert outputs[0].equal(outputs[1])
    assert not ours(batch_of()).equal(ours(batch_of()))


@pytest.mark.parametrize("deviation", [0.01, 0.3])
def test_embeddings_start_from_a_normal_cut_at_two_deviations(deviation: float) -> None:
    torch.manual_seed(0)
    network = embedding_nn(
        Layers(user_factors=40, item_factors=50, init_deviation=deviation), Spec(200, 300, 1)
    )
    for side, shape in (("user", (200, 40)), ("item", (300, 50))):
        table = network.embeddings(side)
        assert (tuple(table.shape), table.requires_grad) == (shape, False)
        assert table.abs().max() <= 2 * deviation
        assert table.std().item() == pytest.approx(
            0.8796 * deviation, rel=0.03
        )  # of a standard normal cut at 2


@pytest.mark.parametrize("build", [embedding_nn, tabular])
@pytest.mark.parametrize("n_outputs", [1, 5])
def test_outputs_have_the_shape_that_the_head_takes(build: Any, n_outputs: int) -> None:
    assert build(WIDE, Spec(5, 9, n_outputs))(batch_of(7)).shape == (7, n_outputs)


def test_embedding_nn_looks_at_no_feature() -> None:
    spec = Spec(
        5, 9, 1, (Feature("user.age", "user", "number", table=np.ones((5, 1), np.float32)),)
    )
    network = embedding_nn(WIDE, spec)
    assert len(network.net.embeds) == 2
    assert (
        dict(network.named_buffers()).keys() == dict(network.net.named_buffers(prefix="net")).keys()
    )


# fastai's TabularModel, fed by hand from merged tables

USERS = pd.DataFrame(
    {
        "user": [31, 32, 33, 34, 35],
        "age": [20.0, np.nan, 41.0, 60.0, 33.0],
        "job": ["cook", "nurse", None, "cook", "pilot"],
    }
)
ITEMS = pd.DataFrame(
    {
        "item": range(70, 79),
        "year": [1990.0, 1991.0, np.nan, 1950.0, 1960.0, 1970.0, 1990.0, 1995.0, 1999.0],
        "genres": [
            ("war",),
            (),
            ("war", "noir"),
            ("drama",),
            ("noir",),
            ("drama", "war", "noir"),
            (),
            ("war",),
            ("noir",),
        ],
        "medium": ["film", "series"] * 4 + ["film"],
    }
)


def rated(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    user, item = np.divmod(rng.permutation(45)[:n], 9)
    time = pd.Series(
        pd.Timestamp("2001-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    ).mask(rng.random(n) < 0.1)
    return pd.DataFrame(
        {
            "user": 31 + user,
            "item": 70 + item,
            "rating": rng.integers(1, 6, n).astype(float),
            "time": time,
            "device": np.array(["tv", "phone", None], dtype=object)[rng.integers(0, 3, n)],
            "volume": pd.Series(rng.normal(5, 2, n)).mask(rng.random(n) < 0.2),
            "mood": [("glad",) if each else ("sad", "glad") for each in rng.random(n) < 0.5],
        }
    )


EVERYTHING = FeatureChoice(
    user=("job", "age"),
    item=("genres", "medium", "year"),
    time=("month", "elapsed"),
    context=("volume", "device", "mood"),
)


def learned() -> tuple[Dataset, Features, Batch]:
    roles = {
        "users": {"job": "category"},
        "items": {"medium": "category"},
        "ratings": {"device": "category"},
    }
    dataset = Dataset.build("small", rated(), USERS, ITEMS, roles=roles)
    rows = np.arange(40)
    features, words = learn(EVERYTHING, dataset, rows)
    assert words == ()
    data = features.attached(
        Catalogue.of(dataset).interactions(dataset.ratings, rows), dataset.ratings, rows
    )
    return dataset, features, data.batch.to("cpu")


def test_tabular_is_fastais_fed_by_hand_from_merged_tables() -> None:
    dataset, features, batch = learned()
    torch.manual_seed(1)
    ours = tabular(WIDE, Spec(5, 9, 2, features.each)).eval()
    for part in ours.modules():  # whose running means are not those of the start
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
    categories, numbers = by_hand(dataset, ours)
    sizes = [(5, 3), (9, 4), *((size, emb_sz_rule(size)) for size in (4, 3, 3, 13))]
    theirs = TabularModel(sizes, numbers.shape[1], 2, [6, 5], ps=[0.2, 0.2], embed_p=0.1).eval()
    theirs.load_state_dict(ours.net.state_dict())
    torch.testing.assert_close(ours(batch), theirs(categories, numbers))
    assert not torch.allclose(theirs(categories, numbers), theirs(categories.flip(0), numbers))
    assert not torch.allclose(theirs(categories, numbers), theirs(categories, numbers.flip(0)))


def by_hand(dataset: Dataset, network: Network) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the columns of a wide table made by pandas: categories, numbers, means of sets."""
    wide = dataset.ratings.merge(USERS, how="left", on="user").merge(ITEMS, how="left", on="item")
    wide["month"] = wide["time"].dt.month
    wide["elapsed"] = (wide["time"] - wide["time"].min()).dt.total_seconds() / 86_400
    months = pd.Index(range(1, 13))
    labels = {
        "job": USERS["job"],
        "medium": ITEMS["medium"],
        "device": wide["device"],
        "month": months,
    }
    columns = [
        wide["user"] - 31,
        wide["item"] - 70,
        *(
            pd.Categorical(wide[name], sorted(pd.Series(known).dropna().unique())).codes + 1
            for name, known in labels.items()
        ),
    ]
    learned_of = {
        "age": USERS["age"],
        "year": ITEMS["year"],
        "volume": wide["volume"],
        "elapsed": wide["elapsed"],
    }
    numbers = []
    for name, known in learned_of.items():
        scaled = (wide[name] - known.mean()) / known.std(ddof=0)
        numbers += [scaled.fillna(0), wide[name].isna()]
    pooled = [
        mean_of_members(network, f"{side}.{name}", wide[name])
        for side, name in (("item", "genres"), ("context", "mood"))
    ]
    stacked = torch.tensor(np.stack(numbers, axis=1).astype(np.float32))
    return torch.tensor(np.stack(columns, axis=1)).long(), torch.cat([stacked, *pooled], dim=1)


def mean_of_members(network: Network, name: str, column: pd.Series[Any]) -> torch.Tensor:
    """The mean of the embeddings of the members of each set, one set at a time."""
    words = sorted({word for members in column for word in members})
    embedding = network.inputs.members_of(name).weight
    rows = [
        embedding[[words.index(word) + 1 for word in members]].mean(dim=0)
        if members
        else torch.zeros(embedding.shape[1])
        for members in column
    ]
    return torch.stack(rows)


def test_metadata_is_gathered_from_tables_with_one_row_an_id() -> None:
    """A table of ratings x features is nowhere: neither in the batch nor in the module."""
    _, features, batch = learned()
    assert set(batch.context) == {
        "time.month",
        "time.elapsed",
        "context.volume",
        "context.device",
        "context.mood",
    }
    inputs = Inputs(features.each, 0.01)
    tables = {tuple(buffer.shape) for buffer in inputs.buffers()}
    assert {shape[0] for shape in tables} == {len(USERS), len(ITEMS)}
    assert len(dict(inputs.named_buffers())) == 5
    assert inputs.state_dict().keys() == {name for name, _ in inputs.named_parameters()}


def test_numbers_and_sets_enter_with_the_deviation_that_is_asked_for() -> None:
    _, features, batch = learned()
    network = tabular(Layers(number_scale=0.2), Spec(5, 9, 1, features.each)).train()
    entered: list[torch.Tensor] = []
    network.net.bn_cont.register_forward_hook(lambda part, given_, out: entered.append(out))
    network(batch)
    deviations = entered[0].std(dim=0, correction=0)
    assert deviations[:6].tolist() == pytest.approx([0.2] * 6, rel=0.01)
    assert (deviations <= 0.201).all()


def test_numbers_are_scaled_without_batch_norm_too() -> None:
    _, features, batch = learned()
    torch.manual_seed(0)
    one, half = (
        tabular(Layers(batch_norm=False, number_scale=scale), Spec(5, 9, 1, features.each))
        for scale in (1.0, 0.5)
    )
    half.load_state_dict(one.state_dict())
    entered: list[torch.Tensor] = []
    for network in (one, half):
        network.net.register_forward_pre_hook(lambda part, given_: entered.append(given_[1]))
        network(batch)
    torch.testing.assert_close(entered[1], entered[0] / 2)


def test_features_of_one_kind_alone_are_enough() -> None:
    _, features, batch = learned()
    for feature in features:
        network = tabular(WIDE, Spec(5, 9, 1, (feature,))).eval()
        assert torch.isfinite(network(batch)).all(), feature.name
    assert torch.isfinite(tabular(WIDE, Spec(5, 9, 1)).eval()(batch)).all()


def test_columns_whose_names_differ_by_a_point_are_two_tables() -> None:
    tables = [np.full((5, 1), value, np.float32) for value in (1.0, 2.0, 3.0)]
    names = ("user.a.b", "user.a_b", "user.a/b")
    inputs = Inputs(
        [
            Feature(name, "user", "number", table=table)
            for name, table in zip(names, tables, strict=True)
        ],
        0.1,
    )
    _, numbers = inputs(batch_of(3))
    assert torch.cat(numbers, dim=1).tolist() == [[1.0, 2.0, 3.0]] * 3
    sets = [Feature(name, "user", "set", ("x",), table=np.ones((5, 1), np.int64)) for name in names]
    assert len(list(Inputs(sets, 0.1).parameters())) == 3


# Sets

subsets = st.lists(st.lists(st.integers(1, 4), max_size=4, unique=True), min_size=5, max_size=5)


def set_feature(rows: list[list[int]], most: int) -> Feature:
    table = np.array([row + [0] * (most - len(row)) for row in rows], dtype=np.int64)
    return Feature("user.tags", "user", "set", ("a", "b", "c", "d"), table=table)


@quick
@given(rows=subsets, extra=st.integers(0, 3), shuffle=st.randoms(use_true_random=False))
def test_a_set_is_the_mean_of_its_members_in_any_order_and_padding(
    rows: list[list[int]], extra: int, shuffle: Any
) -> None:
    torch.manual_seed(0)
    feature = set_feature(rows, 4)
    inputs = Inputs([feature], 0.5)
    batch = batch_of(20)
    _, (pooled,) = inputs(batch)
    embedding = inputs.members_of("user.tags").weight
    assert embedding[0].abs().sum() == 0
    for user, found in zip(batch.user.tolist(), pooled, strict=True):
        own = [embedding[code] for code in rows[user]]
        naive = torch.stack(own).mean(dim=0) if own else torch.zeros_like(found)
        torch.testing.assert_close(found, naive)
    shuffled = [shuffle.sample(row, len(row)) for row in rows]
    again = Inputs([set_feature(shuffled, 4 + extra)], 0.5)
    again.load_state_dict(inputs.state_dict())
    torch.testing.assert_close(again(batch)[1][0], pooled)


# The mini nets


def test_the_mini_net_is_the_lessons() -> None:
    torch.manual_seed(2)
    params = MiniNet(factors=4, init_range=0.3, embedding_dropout=0.05, hidden=6, dropout=0.5)
    network = mini_net(params, SPEC)
    lesson = nn.Sequential(
        nn.Dropout(0.05), nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 1)
    )
    lesson.load_state_dict(
        {
            name.removeprefix("layers."): value
            for name, value in network.state_dict().items()
            if "layers" in name
        }
    )
    for mode in (True, False):
        network.train(mode)
        lesson.train(mode)
        batch, outputs = batch_of(), []
        both = torch.cat(
            [network.embeddings("user")[batch.user], network.embeddings("item")[batch.item]], dim=1
        )
        for part, given_ in ((network, batch), (lesson, both)):
            torch.manual_seed(4)
            outputs.append(part(given_))
        assert outputs[0].equal(outputs[1])


def test_the_mini_nets_output_is_the_sum_written_out() -> None:
    torch.manual_seed(2)
    network = mini_net(MiniNet(factors=2, init_range=0.5, hidden=3), SPEC).double().eval()
    first, last = network.layers[1], network.layers[4]
    found = network(Batch(torch.tensor([4]), torch.tensor([7]))).item()
    given_ = [*network.embeddings("user")[4].tolist(), *network.embeddings("item")[7].tolist()]
    hidden = [
        max(0.0, sum(w * x for w, x in zip(row.tolist(), given_, strict=True)) + bias.item())
        for row, bias in zip(first.weight, first.bias, strict=True)
    ]
    expected = (
        sum(w * h for w, h in zip(last.weight[0].tolist(), hidden, strict=True)) + last.bias.item()
    )
    assert found == pytest.approx(expected)


def test_the_keras_net_has_the_parameters_that_were_published() -> None:
    params = MiniNet(factors=50, embedding_dropout=0.3, hidden=70, dropout=0.75)
    network = mini_net(params, Spec(671, 9066, 1))
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert sizes["factors.user.weight"] == 33_550
    assert sizes["factors.item.weight"] == 453_300
    assert sizes["layers.1.weight"] + sizes["layers.1.bias"] == 101 * 70
    assert [part.p for part in network.layers if isinstance(part, nn.Dropout)] == [0.3, 0.75]


@pytest.mark.parametrize("most", [0.01, 0.2])
def test_the_mini_nets_embeddings_start_uniform(most: float) -> None:
    torch.manual_seed(0)
    table = mini_net(MiniNet(init_range=most), Spec(300, 400, 1)).embeddings("item")
    assert tuple(table.shape) == (400, 50)
    assert table.abs().max() <= most
    assert table.abs().max() > 0.99 * most
    assert table.std().item() == pytest.approx(most / 3**0.5, rel=0.02)


# The manifest


def test_the_networks_declare_what_they_give_and_look_at() -> None:
    declared = {model.name: model for model in cfplug_models()}
    assert list(declared) == ["embedding-nn", "tabular", "mini-net"]
    assert [model.provides for model in declared.values()] == [("embeddings", "vectors")] * 3
    assert [model.uses_features for model in declared.values()] == [False, True, False]
    assert [model.function("build") for model in declared.values()] == [
        embedding_nn,
        tabular,
        mini_net,
    ]
    assert declared["mini-net"].summary == (
        "The network of the fast.ai 0.7 lesson: embeddings, dropout, one hidden layer, dropout."
    )


@pytest.mark.parametrize(
    ("params", "values", "message"),
    [
        (Layers, {"user_factors": 0}, "user_factors: must be at least 1; is 0"),
        (Layers, {"layers": (10, 0)}, "layers: must be at least 1; is 0"),
        (Layers, {"dropout": 1.0}, "dropout: must be at least 0 and below 1; is 1.0"),
        (
            Layers,
            {"embedding_dropout": -0.1},
            "embedding_dropout: must be at least 0 and below 1; is -0.1",
        ),
        (Layers, {"number_scale": 0.0}, "number_scale: must be above 0; is 0.0"),
        (Layers, {"init_deviation": 0.0}, "init_deviation: must be above 0; is 0.0"),
        (MiniNet, {"hidden": 0}, "hidden: must be at least 1; is 0"),
        (MiniNet, {"init_range": 0.0}, "init_range: must be above 0; is 0.0"),
        (MiniNet, {"dropout": 1.0}, "dropout: must be at least 0 and below 1; is 1.0"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(
    params: Any, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        params(**values)


# What somebody else's features would give


def test_a_feature_in_the_batch_takes_the_place_of_the_table() -> None:
    """With every feature of the rows of others, a pair answers as they do but for the ids."""
    _, features, batch = learned()
    torch.manual_seed(1)
    network = tabular(WIDE, Spec(5, 9, 1, features.each)).eval()
    other = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    tables = {each.name: torch.as_tensor(each.table) for each in features if each.table is not None}
    sides = {each.name: batch.user if each.side == "user" else batch.item for each in features}
    own = {name: table[sides[name]] for name, table in tables.items()}
    assert network(Batch(batch.user, batch.item, {**batch.context, **own})).equal(network(batch))
    for name, column in own.items():
        swapped = Batch(batch.user, batch.item, {**batch.context, name: column[other]})
        differs = (column[other] != column).reshape(40, -1).any(dim=1)
        changed = (network(swapped) != network(batch)).squeeze(1)
        assert differs.any(), name
        assert changed.equal(differs), name


def test_a_set_that_takes_the_place_may_be_wider_than_the_table() -> None:
    _, features, batch = learned()
    network = tabular(WIDE, Spec(5, 9, 1, features.each)).eval()
    genres = next(each for each in features if each.name == "item.genres")
    wide = np.pad(genres.table[batch.item.numpy()], ((0, 0), (0, 3)))  # type: ignore[index]
    swapped = Batch(batch.user, batch.item, {**batch.context, genres.name: torch.as_tensor(wide)})
    torch.testing.assert_close(network(swapped), network(batch))


# Vectors in the place of embeddings


def networks() -> dict[str, tuple[Any, Batch]]:
    """Each network as an untrained predictor, with a batch of its pairs."""
    torch.manual_seed(5)
    _, features, batch = learned()
    levels = Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))
    per_user = ordinal(Ordinal("per-user"), levels)
    plain = batch_of(17)
    drawn_numbers = Scored(embedding_nn(WIDE, SPEC), per_user, n_users=SPEC.n_users)
    nn.init.normal_(drawn_numbers.personal.weight)
    of = squared(Mse(None), levels)
    return {
        "embedding-nn": (Scored(embedding_nn(WIDE, SPEC), of), plain),
        "mini-net": (Scored(mini_net(MiniNet(), SPEC), of), plain),
        "tabular with features": (Scored(tabular(WIDE, Spec(5, 9, 1, features.each)), of), batch),
        "embedding-nn, cut points per user": (drawn_numbers, plain),
    }


@pytest.mark.parametrize(
    "name",
    ["embedding-nn", "mini-net", "tabular with features", "embedding-nn, cut points per user"],
)
@pytest.mark.parametrize("sides", [("user",), ("item",), ("user", "item")])
def test_a_network_says_the_same_with_the_vectors_that_it_has_learned(
    name: str, sides: tuple[str, ...]
) -> None:
    scored, batch = networks()[name]
    scored.eval()
    given_ = batch
    for side in sides:
        given_ = given_.with_vectors(side, scored.vectors(side)[getattr(batch, side)])
    assert torch.equal(scored(given_), scored(batch))
    for side in sides:
        other = given_.with_vectors(side, given_.vector(side) + 1.0)
        assert not torch.allclose(scored(other), scored(batch)), "the vectors are looked at"


@pytest.mark.parametrize(
    "name",
    ["embedding-nn", "mini-net", "tabular with features", "embedding-nn, cut points per user"],
)
@pytest.mark.parametrize("side", ["user", "item"])
def test_slopes_of_a_network_are_those_of_small_steps_in_double_precision(
    name: str, side: str
) -> None:
    scored, batch = networks()[name]
    rows = scored.vectors(side)[getattr(batch, side)].detach()
    rating, slopes = NetworkPredictor(scored, "cpu").slopes(side, batch.with_vectors(side, rows))
    assert slopes.shape == rows.shape
    doubled = copy.deepcopy(scored).double().eval()
    batch = Batch(
        batch.user, batch.item, {key: _doubled(column) for key, column in batch.context.items()}
    )
    plain = doubled.head.decode(doubled(batch.with_vectors(side, rows.double()))).detach().numpy()
    np.testing.assert_allclose(rating, plain, atol=1e-5)
    for column in range(rows.shape[1]):
        ends = []
        for way in (1e-5, -1e-5):
            moved = rows.double()
            moved[:, column] += way
            ends.append(
                doubled.head.decode(doubled(batch.with_vectors(side, moved))).detach().numpy()
            )
        np.testing.assert_allclose(slopes[:, column], (ends[0] - ends[1]) / 2e-5, atol=1e-4)


def _doubled(column: Any) -> Any:
    return column.double() if torch.is_floating_point(column) else column
