"""The model of a contract check, trained."""

from __future__ import annotations

import functools
from collections.abc import Callable

from cfplug.dataset import Dataset, Split
from cfplug.plan import ModelUse
from cfplug.prediction import FittedModel
from cfplug.testing.bench.questions import cases, luck
from cfplug.testing.bench.workbench import Workbench
from cfplug.testing.contract import Subject

Case = tuple[Dataset, Split]


def model_use(subject: Subject, bench: Workbench | None = None) -> ModelUse:
    """The model with the parameters with which it is tried."""
    assert subject.entry is not None
    return (bench or Workbench(subject.registry)).model_use(subject.entry, subject.params)


@functools.lru_cache(maxsize=256)
def model_of(subject: Subject, case: Case) -> FittedModel:
    """The model after training on a case, made once for all laws that only ask it."""
    return trained(subject, *case)


def trained(
    subject: Subject, dataset: Dataset, split: Split, *, bench: Workbench | None = None, fortune: int = 0
) -> FittedModel:
    """The model after training anew, while the generators that everybody shares start from `fortune`."""
    bench = bench or Workbench(subject.registry)
    with luck(fortune):
        return bench.fitted(model_use(subject, bench), dataset, split)


def hold(subject: Subject, law: Callable[[Case], None]) -> None:
    """Try a law on as many cases as the subject says."""
    for case in cases(subject.examples):
        law(case)
