"""Weights and inputs that two implementations of a network can make alike from a seed alone.

A tensor is drawn from its own generator, seeded by the seed and the checksum of its name, so
the order of the tensors does not matter.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PARITY = Path(__file__).parents[1] / "parity"


def drawn(name: str, shape: list[int], gain: float, seed: int) -> np.ndarray:
    """One tensor: the kind of its values follows from its axes and the end of its name."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape)
    if len(shape) > 1:
        return gain * rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
    if name.endswith("running_mean"):
        return rng.normal(0, 0.1, shape)
    if name.endswith("bias"):
        return rng.normal(0, 0.05, shape)
    return rng.uniform(0.5, 1.5, shape)


def state_of(keys: dict, seed: int) -> dict[str, Tensor]:
    """A state dict with the names, shapes and fixed values of a key list."""
    state = {}
    for name, shape, dtype in keys["tensors"]:
        fixed = keys.get("fixed", {}).get(name)
        value = np.reshape(fixed, shape) if fixed else drawn(name, shape, keys["gain"], seed)
        state[name] = torch.from_numpy(value).to(getattr(torch, dtype))
    return state


def key_list(network: str) -> dict:
    """Names, shapes and fixed values of a released network's tensors."""
    return json.loads((PARITY / f"{network}_keys.json").read_text())


def outputs(network: str, seed: int) -> dict[str, np.ndarray]:
    """What the released network gave for the weights and the input of a seed."""
    with np.load(PARITY / f"{network}_seed{seed}.npz") as stored:
        return dict(stored)
