"""Published seconds on a GTX 1080 Ti, held against operations and against what is measured here.

No such card is at hand, and a time on another machine says little. But so many operations cannot
be done in less than they take at the card's peak, on any code: that can contradict a time.
"""

from functools import partial

from .claims import Judge, both, recorded
from .verdicts import FAILED, HELD, OPEN

PEAK_TERAFLOP = 11.34  # fp32 a second: 2 operations x 3,584 cores x 1.582 GHz
SHORTCUT = 81 / 16  # products of a 3 x 3 convolution over those of Winograd's on tiles of 6 x 6


def within(published: float, size: str, run: str) -> Judge:
    """Seconds for one image of a size, as its facts are named (``teraflop_1080p``)."""
    return both(
        recorded(partial(possible, published), f"teraflop_{size}", run, constructed=True),
        recorded(partial(measured, published), f"seconds_{size}", run),
    )


def possible(published: float, teraflop: float) -> tuple[str, str]:
    """Whether the card could do so many operations in the published seconds at all."""
    plain = teraflop / PEAK_TERAFLOP
    least = plain / SHORTCUT
    said = (
        f"{teraflop:.2f} x 10^12 operations take a GTX 1080 Ti {plain:.3f} s at its peak, "
        f"{least:.3f} s if every product were one of Winograd's; {published:g} s published"
    )
    return (FAILED if least > published else OPEN), said


def measured(published: float, seconds: float) -> tuple[str, str]:
    """A slower machine than the paper's can confirm its time, and not refute it."""
    return (HELD if seconds <= published else OPEN), f"{seconds:g} s on the machine of run.json"
