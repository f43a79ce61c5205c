"""What the plugin declares of losses, and that declaring it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import cfplug_losses
import pytest

import cfplug

DECLARED = {loss.name: loss for loss in cfplug_losses.cfplug_losses()}


def test_declaring_loads_nothing_heavy() -> None:
    program = "import sys, cfplug_losses; cfplug_losses.cfplug_losses(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert {"pandas", "numpy", "torch", "fastai"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize("loss", DECLARED.values(), ids=DECLARED)
def test_every_loss_can_be_built_of_its_defaults_and_has_what_it_declares(
    loss: cfplug.Loss,
) -> None:
    head = loss.function("build")(loss.params(), cfplug.Scale(1.0, 3.0, (1.0, 2.0, 3.0)))
    assert isinstance(head.n_outputs, int)
    assert hasattr(head, "distribution") == (loss.provides == ("distribution",))
    assert loss.summary


@pytest.mark.parametrize("loss", DECLARED.values(), ids=DECLARED)
def test_the_losses_that_need_levels_declare_it(loss: cfplug.Loss) -> None:
    build = loss.function("build")
    continuous = cfplug.Scale(1.0, 5.0)
    if loss.needs_levels:
        with pytest.raises(cfplug.DataError):
            build(loss.params(), continuous)
    else:
        assert build(loss.params(), continuous).n_outputs == 1


def test_five_losses_are_declared() -> None:
    assert [loss for loss in DECLARED if not DECLARED[loss].needs_levels] == ["mse", "mae", "huber"]
    assert [loss for loss in DECLARED if DECLARED[loss].needs_levels] == [
        "cross-entropy",
        "ordinal",
    ]
