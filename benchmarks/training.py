"""Compare cfplug's PMF with fastai's collab_learner and surprise's SVD on the same splits.

Run it with `make benchmark`, on an otherwise idle machine. Seconds are of the fit alone: for the
first three with one validation an epoch, without reading data or importing. CPU seconds are those
of all threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug import Dataset, read_recipe
from cfplug.data.catalogue import Catalogue
from cfplug.plugin.components import Context
from cfplug.progress import Quiet
from cfplug.recipe.parser import read_use
from cfplug.runs.runner import read_data
from cfplug.training.checkpoint import Watch
from cfplug.training.fit import Task, fit

RECIPES = Path(__file__).parents[1] / "recipes"


@frozen
class Result:
    """What one contestant gave on one split."""

    mse: float
    cpu: float
    wall: float


@frozen(eq=False)
class Splits:
    """The split of a seed: the first 20 % of a permutation validate."""

    dataset: Dataset

    def rows(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.RandomState(seed).permutation(len(self.dataset.ratings))
        cut = round(len(order) * 0.2)
        return order[cut:], order[:cut]


def timed(work: Callable[[], Callable[[], float]]) -> Result:
    """Seconds of `work`, which gives a function that tells its validation MSE."""
    cpu, wall = time.process_time(), time.perf_counter()
    mse = work()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return Result(mse(), *spent)


def collab_learner(splits: Splits, seed: int) -> Result:
    """Train as chapter 8 of the fast.ai book does, with today's fastai."""
    from fastai.callback.progress import ProgressCallback
    from fastai.collab import TabularCollab, collab_learner
    from fastai.data.block import TransformBlock
    from fastai.data.core import DataLoaders
    from fastai.tabular.core import Categorify
    from fastai.torch_core import set_seed

    train, valid = splits.rows(seed)
    frame = splits.dataset.ratings[["user", "item", "rating"]].copy()
    frame["rating"] = frame["rating"].astype("float32")
    table = TabularCollab(
        frame, [Categorify], ["user", "item"], y_names=["rating"], y_block=TransformBlock(),
        splits=(list(train), list(valid)),
    )  # fmt: skip
    loaders: DataLoaders = table.dataloaders(bs=64)
    set_seed(seed)

    def work() -> Callable[[], float]:
        learner = collab_learner(loaders, n_factors=50, y_range=(0, 5.5))
        learner.remove_cb(ProgressCallback)
        with learner.no_logging():
            learner.fit_one_cycle(5, 5e-3, wd=0.1)
        return lambda: float(learner.validate()[0])

    return timed(work)


def recipe(name: str) -> Callable[[Splits, int], Result]:
    """The first model of one of cfplug's recipes."""
    use = read_recipe(RECIPES / f"{name}.yaml").models[0]

    def contestant(splits: Splits, seed: int) -> Result:
        catalogue, ratings = Catalogue.of(splits.dataset), splits.dataset.ratings
        train, valid = (catalogue.interactions(ratings, rows) for rows in splits.rows(seed))
        context = Context(seed, np.random.default_rng(seed), "cpu", Path(), lambda *_: None, print)
        task = Task(use, catalogue, train, valid, splits.dataset.scale, None, context)

        def work() -> Callable[[], float]:
            fitted = fit(task, Watch())
            return lambda: float(
                np.mean((fitted.model.predictor.predict(valid.batch) - valid.rating) ** 2)
            )

        return timed(work)

    return contestant


def surprise_svd(splits: Splits, seed: int) -> Result:
    """`surprise.SVD()` with its defaults."""
    import surprise

    train, valid = splits.rows(seed)
    columns = ["user", "item", "rating"]
    reader = surprise.Reader(rating_scale=(1, 5))
    data = surprise.Dataset.load_from_df(
        splits.dataset.ratings.iloc[train][columns], reader
    ).build_full_trainset()
    asked = list(splits.dataset.ratings.iloc[valid][columns].itertuples(index=False, name=None))

    def work() -> Callable[[], float]:
        algorithm = surprise.SVD(random_state=seed).fit(data)
        return lambda: float(surprise.accuracy.mse(algorithm.test(asked), verbose=False))

    return timed(work)


def table(results: dict[str, list[Result]]) -> pd.DataFrame:
    """Return means over seeds; seconds as ratios to the first contestant, median over seeds."""
    rows = []
    first = next(iter(results.values()))
    for name, its in results.items():
        cpu = np.median([one.cpu / each.cpu for one, each in zip(first, its, strict=True)])
        wall = np.median([one.wall / each.wall for one, each in zip(first, its, strict=True)])
        mse = np.array([each.mse for each in its])
        rows.append(
            {
                "contestant": name,
                "MSE": f"{mse.mean():.4f}",
                "by seed": " ".join(f"{value:.4f}" for value in mse),
                "CPU s": f"{np.mean([each.cpu for each in its]):.2f}",
                "wall s": f"{np.mean([each.wall for each in its]):.2f}",
                "CPU, times less": f"{cpu:.1f}",
                "wall, times less": f"{wall:.1f}",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Every contestant on every seed, in turn, so that a drift of the machine meets all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--path", help="an archive or folder of MovieLens 100K, if it should not be fetched"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    sets = [f"path={Path(arguments.path).absolute()}"] if arguments.path else []
    splits = Splits(read_data(read_use("source", "movielens-100k", set=sets), reporter=Quiet()))
    contestants = {
        "fastai collab_learner": collab_learner,
        "cfplug pmf.yaml": recipe("pmf"),
        "cfplug pmf-fast.yaml": recipe("pmf-fast"),
        "surprise.SVD()": surprise_svd,
    }
    recipe("pmf-fast")(splits, 1_000_000)  # the first step of a process pays for torch's own start
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for seed in arguments.seeds:
        for name, contestant in contestants.items():
            results[name].append(contestant(splits, seed))
            print(f"seed {seed}, {name}: {results[name][-1]}", flush=True)
    print(table(results).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
