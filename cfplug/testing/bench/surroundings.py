"""What a component must not depend on: the state of global generators, the network, the folder it is called in."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np


@contextlib.contextmanager
def shaken(seed: int) -> Iterator[None]:
    """The global generators of Python, numpy and torch in a state of their own; afterwards as they were."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    try:
        random.seed(seed)
        np.random.seed(seed)
        if torch:
            torch.manual_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])


class OfflineError(OSError):
    """Somebody asked the network, where there is none."""


def _nobody_there(*args: Any, **kwargs: Any) -> NoReturn:
    raise OfflineError("there is no network: a contract check has switched it off")


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Nothing can be asked over the network by this process, the machine itself included."""
    ways: list[tuple[Any, str]] = [(socket.socket, name) for name in ("connect", "connect_ex", "sendto")]
    ways += [(socket, name) for name in ("create_connection", "getaddrinfo", "gethostbyname")]
    own = [(owner, name, vars(owner).get(name)) for owner, name in ways]
    try:
        for owner, name, _ in own:
            setattr(owner, name, _nobody_there)
        yield
    finally:
        for owner, name, before in own:
            if before is None:
                delattr(owner, name)  # it is inherited
            else:
                setattr(owner, name, before)


@contextlib.contextmanager
def in_another_folder() -> Iterator[None]:
    """An empty folder is the one that the process works in."""
    with tempfile.TemporaryDirectory(prefix="cfplug-elsewhere-") as folder, contextlib.chdir(folder):
        yield
