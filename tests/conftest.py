"""A workplace without results, for tests that train, score or render at a tiny size."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from imdl_lib import files, paths, photos, profiles
from imdl_lib.profiles import Profile

os.environ["OMP_NUM_THREADS"] = "1"  # in child processes too: sums in one order
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photo packs and forged sets, which every test may share: they depend on recipes alone."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workplace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_cache: Path
) -> Iterator[Path]:
    """A checkout without results and a cache without runs; no real data."""
    for name in ("forged", "photos"):
        (shared_cache / name).mkdir(exist_ok=True)
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / name).symlink_to(shared_cache / name)
    monkeypatch.setenv("IMDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IMDL_DATA", raising=False)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    yield tmp_path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile of eight training steps on 16 px images, known to the library by its name."""
    profile = replace(
        profiles.QUICK,
        name="tiny",
        size_px=16,
        released_size_px=16,
        batch=8,
        operation_count=32,
        operation_samples=64,
        forged_count=32,
        forged_samples=64,
        released_samples=64,
        thorough_samples=64,
        test_count=4,
        real_count=None,
        timed_turns=1,
        large_turns=0,
    )
    monkeypatch.setitem(profiles.PROFILES, "tiny", profile)
    return profile


@pytest.fixture
def store(workplace: Path) -> Callable[..., Path]:
    """Put rows and a record of a run among the results: ``store(profile, run, rows, ...)``."""

    def put(
        profile: str, run: str, rows: dict, *, pooled: dict | None = None, seed: int = 0, **record
    ) -> Path:
        folder = paths.results(profile) / run / f"seed{seed}"
        files.write_json(folder / "run.json", {"seed": seed, "samples": 10**9} | record)
        pd.DataFrame(rows).to_csv(folder / "per_image.csv", index=False)
        if pooled is not None:
            pd.DataFrame(pooled).to_csv(folder / "pooled.csv", index=False)
        return folder

    return put


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> photos.PhotoPack:
    """The packaged test photos, decoded once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMDL_CACHE", str(tmp_path_factory.mktemp("photos")))
        return photos.pack(photos.split(photos.packaged(), "test"), progress=False)
