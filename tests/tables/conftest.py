from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cfplug


@pytest.fixture
def said() -> list[str]:
    """What the component under test has said."""
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str]) -> cfplug.Context:
    return cfplug.Context(
        seed=0,
        rng=np.random.default_rng(0),
        device="cpu",
        scratch=tmp_path,
        progress=lambda done, message: None,
        say=said.append,
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of text or bytes and give its path."""

    def written(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return written
