"""Derive the seed of each step from the seed of the recipe."""

from __future__ import annotations

import zlib

import numpy as np


def seed_for(seed: int, name: str) -> int:
    """A seed for one step, spawned from the recipe's seed and the step's name; below 2**63."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
