"""Checks of the notebooks' exercises: a hint while one is unsolved, never an error."""

from collections.abc import Callable
from typing import Any

import torch

from . import metrics
from .papers import mantranet

_FEATURE = torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0)) ** 3


def _z_score(answer: Callable[..., Any]) -> bool:
    expected = (_FEATURE - mantranet.global_mean(_FEATURE)) / mantranet.global_sigma(_FEATURE)
    return torch.allclose(answer(_FEATURE), expected, atol=1e-4)


def _window_mean(answer: Callable[..., Any]) -> bool:
    expected = [mantranet.box_mean(_FEATURE, n) for n in (3, 7)]
    given = [answer(_FEATURE, n) for n in (3, 7)]
    return all(torch.allclose(a, b, atol=1e-4) for a, b in zip(given, expected, strict=True))


def _negated(answer: Callable[..., Any]) -> bool:
    prob = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(4, 1, 8, 8, dtype=torch.bool)
    mask[1, :, :5], mask[2, :, :4] = True, True
    return torch.allclose(answer(prob, mask), metrics.negate_when_mostly_forged(prob, mask))


CHECKS: dict[str, tuple[Callable[[Callable[..., Any]], bool], str]] = {
    "mantranet/z-score": (
        _z_score,
        "take the mean and the standard deviation over both pixel axes, keepdim=True, "
        "and divide by H W, not by H W - 1",
    ),
    "mantranet/window-mean": (
        _window_mean,
        "at the border count only the pixels that exist: torch.nn.functional.avg_pool2d can",
    ),
    "mantranet/negation": (
        _negated,
        "look at each image alone; exactly one half is not more than half",
    ),
}


def check(id: str, answer: Callable[..., Any]) -> bool:
    """Whether ``answer`` solves an exercise; prints which, with a hint where it does not."""
    test, hint = CHECKS[id]
    try:
        solved = bool(test(answer))
    except Exception:  # a half-written answer may fail in any way
        solved = False
    print(f"{id}: solved" if solved else f"{id}: not yet. Hint: {hint}.")
    return solved
