"""How much of everything: one flat record per profile, nothing else."""

from dataclasses import dataclass, replace

from .errors import RegistryError


@dataclass(frozen=True)
class Profile:
    """Sizes, budgets and precision of a rebuild."""

    name: str
    sources: tuple[str, ...]  # names in photos.SOURCES
    size_px: int  # side of training images in ablations
    released_size_px: int  # side of training images of released models
    width: float  # share of the paper's channels
    batch: int
    learning_rate: float
    schedule: str  # "cosine" over the budget, or the paper's "plateau"
    operation_count: int  # forged images for manipulation classification
    operation_samples: int  # samples seen, manipulation classification
    forged_count: int  # forged images for localization
    forged_samples: int  # samples seen, localization
    released_samples: int  # samples seen, released localization models
    thorough_samples: int  # samples seen, cheap models whose comparison decides claims
    test_count: int  # images per stand-in, before a set's own factor
    real_count: int | None  # images of a real test set that are scored; None: all
    timed_turns: int  # forwards of which a run time is the best
    large_turns: int  # the same of megapixel images, which take minutes; 0: they are not timed
    seeds: tuple[int, ...]
    precision: str  # "32-true" or "auto": bf16 where the hardware has it


QUICK = Profile(
    name="quick",
    sources=("packaged",),
    size_px=64,
    released_size_px=64,
    width=0.125,
    batch=16,
    learning_rate=2e-3,
    schedule="cosine",
    operation_count=512,
    operation_samples=384,
    forged_count=256,
    forged_samples=192,
    released_samples=256,
    thorough_samples=512,
    test_count=8,
    real_count=8,
    timed_turns=1,
    large_turns=0,
    seeds=(0,),
    precision="32-true",
)

STANDARD = Profile(
    name="standard",
    sources=("bsds500", "imagenet_samples"),
    size_px=64,
    released_size_px=128,
    width=0.25,
    batch=64,
    learning_rate=1e-3,
    schedule="cosine",
    operation_count=24_000,
    operation_samples=64_000,
    forged_count=12_000,
    forged_samples=24_000,
    released_samples=12_000,
    thorough_samples=102_400,
    test_count=128,
    real_count=None,
    timed_turns=10,
    large_turns=2,
    seeds=(0,),
    precision="auto",
)

# Where a new recipe's runs wait until those of a whole paper replace the published ones at once.
NEXT = replace(STANDARD, name="next")

PAPER = Profile(
    name="paper",
    sources=("dresden",),
    size_px=128,
    released_size_px=256,
    width=1.0,
    batch=64,
    learning_rate=1e-4,
    schedule="plateau",
    operation_count=1_250_000,
    operation_samples=6_400_000,
    forged_count=400_000,
    forged_samples=6_400_000,
    released_samples=12_000_000,
    thorough_samples=12_000_000,
    test_count=5_000,
    real_count=None,
    timed_turns=10,
    large_turns=2,
    seeds=(0, 1, 2),
    precision="auto",
)

PROFILES = {profile.name: profile for profile in (QUICK, STANDARD, NEXT, PAPER)}


def profile(name: str) -> Profile:
    """The profile called ``name``.

    Raises:
        RegistryError: there is none of that name.

    >>> profile("quick").size_px
    64
    """
    if name not in PROFILES:
        raise RegistryError(
            f"There is no profile {name!r}. Choose from {', '.join(PROFILES)}; "
            "quick is a first look, standard makes the committed results."
        )
    return PROFILES[name]
