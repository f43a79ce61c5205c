"""The Learner of a run, used by hand as a fastai user uses one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import pytest
import torch
from fastai.learner import load_learner

import cfplug
from cfplug.errors import CapabilityError
from cfplug.progress import Quiet
from cfplug.runs.run import Run

matplotlib.use("Agg")

RECIPE = """\
data: {use: synthetic, users: 31, items: 17, ratings: 200}
train: {epochs: 2, batch_size: 40, decay_rows: occurring}
models: [{use: pmf, factors: 3}]
loss: LOSS
"""


def trained(folder: Path, loss: str) -> Run:
    path = folder / "ours.yaml"
    path.write_text(RECIPE.replace("LOSS", loss))
    return cfplug.run(path, out=folder, reporter=Quiet())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One training, shared by all tests."""
    return trained(tmp_path_factory.mktemp("learner"), "mse")


@pytest.fixture
def learner(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give its Learner, which leaves its files in an empty folder and prints nothing."""
    monkeypatch.chdir(tmp_path)
    with run.learner.no_bar(), run.learner.no_logging():
        yield run.learner


def test_get_preds_gives_the_ratings_that_the_model_predicts(run: Run, learner: Any) -> None:
    predicted, rating = learner.get_preds()
    kept = run.predictions()
    assert predicted.tolist() == pytest.approx(kept["prediction"].tolist(), rel=1e-6)
    assert rating.tolist() == kept["rating"].tolist()


def test_get_preds_of_the_training_ratings_keeps_their_order(learner: Any) -> None:
    predicted, rating = learner.get_preds(ds_idx=0)
    assert predicted.shape == rating.shape
    assert rating.tolist() == learner.dls.train.rating.tolist()


def test_get_preds_gives_the_pairs_too(learner: Any) -> None:
    pairs, predicted, _ = learner.get_preds(with_input=True)
    assert pairs.user.tolist() == learner.dls.valid.batch.user.tolist()
    assert pairs.item.shape == predicted.shape


def test_get_preds_gives_the_outputs_of_the_model_where_they_are_asked_for(learner: Any) -> None:
    outputs, _ = learner.get_preds(act=lambda outputs: outputs)
    assert outputs.shape == (len(learner.dls.valid.rating), 1)
    assert learner.ratings_of(outputs).tolist() == learner.get_preds()[0].tolist()


def test_get_preds_refuses_a_loss_for_each_row(learner: Any) -> None:
    with pytest.raises(CapabilityError) as caught:
        learner.get_preds(with_loss=True)
    assert str(caught.value) == (
        "get_preds: with_loss needs a loss for each row, and a loss of cfplug gives one number for "
        "a whole batch. Compare the predictions with the ratings instead."
    )


def test_get_preds_of_a_classifier_gives_ratings(tmp_path: Path) -> None:
    run = trained(tmp_path, "cross-entropy")
    with run.learner.no_bar():
        predicted, _ = run.learner.get_preds()
    kept = run.predictions()["prediction"].tolist()
    assert predicted.tolist() == pytest.approx(kept, rel=1e-6)


def test_show_results_displays_ids_ratings_and_predictions(
    run: Run, learner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table = learner.show_results(max_n=4, shuffle=False)
    kept = run.predictions().head(4)
    assert table["user"].tolist() == kept["user"].tolist()
    assert table["item"].tolist() == kept["item"].tolist()
    assert table["rating"].tolist() == kept["rating"].tolist()
    assert table["prediction"].tolist() == pytest.approx(kept["prediction"].tolist(), rel=1e-6)
    assert "prediction" in capsys.readouterr().out


def test_show_results_takes_random_rows(learner: Any) -> None:
    tables = [learner.show_results(max_n=9)["user"].tolist() for _ in range(4)]
    assert len({tuple(each) for each in tables}) > 1


def test_summary_lists_layers_and_counts_parameters(learner: Any) -> None:
    text = learner.summary()
    assert "Embedding" in text
    total = sum(each.numel() for each in learner.model.parameters())
    assert f"Total params: {total:,}" in text
    assert "Recorder" in text


def test_export_leaves_a_file_that_fastai_loads(learner: Any, tmp_path: Path) -> None:
    expected = learner.get_preds()[0].tolist()
    batches = list(learner.dls.valid)
    learner.export("model.pkl")
    assert learner.get_preds()[0].tolist() == expected
    with pytest.warns(UserWarning, match="pickle"):
        loaded = load_learner(tmp_path / "model.pkl")
    assert len(loaded.dls.train.rating) == 0
    with loaded.no_bar():
        assert loaded.get_preds(dl=batches)[0].tolist() == expected


def test_one_batch_has_codes_and_ratings_and_changes_nothing(learner: Any) -> None:
    batch, rating = learner.dls.one_batch()
    assert len(batch) == len(rating) == 40
    assert learner.dls.one_batch()[1].tolist() == rating.tolist()
    assert next(iter(learner.dls.train))[1].tolist() == rating.tolist()


def test_show_batch_displays_ids(
    run: Run, learner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table = learner.dls.show_batch(max_n=3)
    assert list(table) == ["user", "item", "item label", "rating"]
    assert len(table) == 3
    assert table["item"].isin(run.predictions()["item"]).any()
    assert "rating" in capsys.readouterr().out
    assert len(learner.dls.valid.show_batch(max_n=2)) == 2


def test_lr_find_suggests_a_rate_and_leaves_the_weights(learner: Any) -> None:
    before = [each.detach().clone() for each in learner.model.parameters()]
    found = learner.lr_find(num_it=30)
    assert 1e-7 < found.valley < 10
    for weights, expected in zip(learner.model.parameters(), before, strict=True):
        assert torch.equal(weights, expected)


def test_validate_gives_the_loss_of_the_last_epoch(run: Run, learner: Any) -> None:
    history = pd.read_csv(run.path / "history.csv")
    assert learner.validate()[0] == pytest.approx(history["valid_loss"].iloc[-1], rel=1e-6)


def test_what_has_no_fastai_dataset_is_refused_in_a_sentence(learner: Any) -> None:
    with pytest.raises(CapabilityError) as caught:
        _ = learner.dls.train_ds
    assert str(caught.value) == (
        "dls has no train_ds: cfplug keeps ratings as tensors of codes, without a fastai dataset. "
        "Ask the run's model (run.model.predict, run.model.recommend) instead."
    )
    with pytest.raises(CapabilityError, match="a loader of cfplug has no dataset"):
        _ = learner.dls.valid.dataset
    with pytest.raises(CapabilityError, match="dls has no valid_ds"):
        learner.dls.test_dl(pd.DataFrame())


def test_predict_and_tta_are_refused_in_a_sentence(learner: Any) -> None:
    with pytest.raises(CapabilityError) as caught:
        learner.predict({"user": 1, "item": 2})
    assert str(caught.value) == (
        "predict: expected codes of a training set, which only the run has. Ask the run's model "
        "with ids: run.model.predict(pairs)."
    )
    with pytest.raises(CapabilityError, match="tta: expected inputs that can be augmented"):
        learner.tta()


def test_fit_one_cycle_goes_on_with_the_training(tmp_path: Path) -> None:
    learner = trained(tmp_path, "mse").learner
    with learner.no_bar(), learner.no_logging():
        before = learner.validate()[0]
        learner.fit_one_cycle(3, 0.02)
        assert torch.isfinite(learner.recorder.losses[-1])
        assert learner.validate()[0] != before
    assert len(learner.recorder.values) == 1
