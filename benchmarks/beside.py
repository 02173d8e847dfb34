"""Two ways to the same numbers, side by side: time, peak memory, difference."""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

Way = Callable[[nn.Module, Tensor], Tensor]


def measured(
    build: Callable[[], nn.Module], way: Way, size: tuple[int, int], repeats: int
) -> tuple[float, float, np.ndarray]:
    """Best seconds of a few calls, peak memory above the start in MB, and the map."""
    pixels = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
    model, image = build().eval(), torch.from_numpy(pixels)
    with torch.inference_mode():
        way(model, image[..., :64, :64])  # libraries load what they need
        start, times = peak_mb(), []
        for _ in range(repeats):
            began = time.perf_counter()
            found = way(model, image)
            times.append(time.perf_counter() - began)
    return min(times), peak_mb() - start, found.float().numpy()


def peak_mb() -> float:
    """Largest memory of this process so far."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def compare(
    title: str, build: Callable[[], nn.Module], ways: dict[str, Way], size: tuple[int, int]
) -> None:
    """Print one line per way, each measured in a process of its own; the first is the measure."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--height", type=int, default=size[0])
    parser.add_argument("--width", type=int, default=size[1])
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    size, found = (args.height, args.width), {}
    for name, way in ways.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[name] = pool.apply(measured, (build, way, size, args.repeats))
    seconds, megabytes, truth = next(iter(found.values()))
    print(f"{size[1]} x {size[0]} px, {torch.get_num_threads()} threads")
    print(f"{'way':<12} {'s':>7} {'of plain':>9} {'MB':>7} {'of plain':>9} {'differs by':>11}")
    for name, (s, mb, prob) in found.items():
        apart = np.abs(prob - truth).max()
        print(
            f"{name:<12} {s:7.2f} {s / seconds:9.2f} {mb:7.0f} {mb / megabytes:9.2f} {apart:11.1e}"
        )
