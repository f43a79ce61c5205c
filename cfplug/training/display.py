"""Show batches, results and layers of a model to a fastai user, in a notebook or as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from fastai.callback.hook import layer_info
from fastai.learner import Learner
from torch import Tensor

from cfplug.data.batch import Batch
from cfplug.data.vocabulary import Side, Vocabulary


def rating_table(
    batch: Batch, rating: Tensor, vocabularies: Mapping[Side, Vocabulary]
) -> pd.DataFrame:
    """Return n ratings with the ids and labels of their users and items.

    Args:
        batch: the codes of n pairs.
        rating: their ratings, shape (n,).
        vocabularies: the ids by side; codes are shown of a side that it lacks.
    """
    columns: dict[str, Any] = {}
    for side, codes in (("user", batch.user.tolist()), ("item", batch.item.tolist())):
        vocabulary = vocabularies.get(side)
        columns[side] = codes if vocabulary is None else vocabulary.decode(codes)
        if vocabulary is not None and vocabulary.labels is not None:
            columns[f"{side} label"] = [vocabulary.label(code) for code in codes]
    for name, column in batch.context.items():
        columns[name] = column.tolist()
    columns["rating"] = rating.tolist()
    return pd.DataFrame(columns)


def layer_summary(learner: Learner) -> str:
    """Return the layers of the model with output shapes and parameters, and how it is trained.

    fastai's own summary asks the input for its shape; a batch of pairs has several.
    """
    batch, _ = learner.dls.train.one_batch()
    rows = []
    for kind, parameters, trained, shape, _ in filter(None, layer_info(learner, batch)):
        rows.append((kind, " x ".join(map(str, shape)), parameters, trained))
    table = pd.DataFrame(rows, columns=["Layer (type)", "Output shape", "Param #", "Trainable"])
    parameters = list(learner.model.parameters())
    total = sum(each.numel() for each in parameters)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    callbacks = "\n".join(f"  - {each}" for each in learner.cbs.sorted("order"))
    return (
        f"{type(learner.model.module).__name__}, on a batch of one pair\n"
        f"{table.to_string(index=False)}\n\n"
        f"Total params: {total:,}\nTotal trainable params: {trained:,}\n\n"
        f"Optimizer used: {learner.opt_func}\nLoss function: {learner.model.loss}\n\n"
        f"Callbacks:\n{callbacks}\n"
    )
