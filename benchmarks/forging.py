"""Forged samples a second, by kind, at 128 px on all cores, cache writing included.

Beside it the processor's time a sample, which other work on the machine alters little. The start
of the workers, about a second, is in both.

python benchmarks/forging.py [--count 10000] [--sources packaged]
"""

import argparse
import os
import tempfile
import time

from imdl_lib.forge import forge
from imdl_lib.recipes import Recipe

KINDS = ("splice", "copy_move", "removal", "enhancement", "compound", "operation")


def measured(kind: str, count: int, sources: tuple[str, ...]) -> tuple[float, float]:
    """Samples a second and processor milliseconds a sample, forged into a cache of its own."""
    recipe = Recipe((kind,), sources, "train", count, 128)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMDL_CACHE"] = folder
        forge(Recipe((kind,), sources, "train", 1, 128), progress=False)  # decodes the photos
        began, used = time.perf_counter(), sum(os.times()[:4])
        forge(recipe, progress=False)
        return count / (time.perf_counter() - began), 1e3 * (sum(os.times()[:4]) - used) / count


def main() -> None:
    """Print one line per kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--sources", default="packaged")
    args = parser.parse_args()
    for kind in KINDS:
        rate, used = measured(kind, args.count, tuple(args.sources.split(",")))
        print(f"{kind:12} {rate:8.0f} samples a second, {used:6.2f} ms of processor time each")


if __name__ == "__main__":
    main()
