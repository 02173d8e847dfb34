"""Forged samples a second, by kind, at 128 px on all cores, cache writing included.

python benchmarks/forging.py [--count 10000]
"""

import argparse
import os
import tempfile
import time

from imdl_lib.forge import forge
from imdl_lib.kinds import Recipe

KINDS = ("splice", "copy_move", "removal", "enhancement", "compound", "operation")


def samples_per_second(kind: str, count: int) -> float:
    """Time one set of ``count`` samples, forged into a cache of its own."""
    recipe = Recipe((kind,), ("packaged",), "train", count, 128)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMDL_CACHE"] = folder
        forge(Recipe((kind,), ("packaged",), "train", 1, 128), progress=False)  # decodes the photos
        began = time.perf_counter()
        forge(recipe, progress=False)
        return count / (time.perf_counter() - began)


def main() -> None:
    """Print one line per kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    for kind in KINDS:
        print(f"{kind:12} {samples_per_second(kind, count):8.0f} samples a second")


if __name__ == "__main__":
    main()
