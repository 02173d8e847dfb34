"""Checks of the notebooks' exercises: a hint while one is unsolved, never an error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from . import metrics
from .papers import mantranet, pscc_net, uen

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


def _gate(answer: Callable[..., Any]) -> bool:
    mask = torch.rand(2, 1, 5, 6, generator=torch.Generator().manual_seed(2))
    expected = _FEATURE * pscc_net.resize(mask, _FEATURE.shape[2:])
    return torch.allclose(answer(_FEATURE, mask), expected, atol=1e-5)


def _fold(answer: Callable[..., Any]) -> bool:
    x = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(3))
    return all(answer(x, r).equal(pscc_net.folded(x, r)) for r in (1, 2, 4))


@torch.no_grad()
def _channel(answer: Callable[..., Any]) -> bool:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        sccm = pscc_net.SCCM(3, 2, pscc_net.Config())
        x = torch.randn(2, 3, 6, 8)
    rows = pscc_net.folded(x, sccm.r)
    given = (conv(rows).flatten(2).mT for conv in (sccm.g, sccm.theta, sccm.phi))
    expected = pscc_net.folded(sccm.channelwise(x), sccm.r).flatten(2).mT
    return torch.allclose(answer(*given), expected, atol=1e-4)


def _rule(answer: Callable[..., Any]) -> bool:
    for found, alarms in ((31, 0), (20, 10), (5, 30)):  # of 40 forged and of 40 authentic
        called = np.arange(80) % 40 < np.repeat([found, alarms], 40)
        expected = metrics.image_auc(called.astype(np.float64), np.arange(80) < 40)
        if abs(answer(found / 40, alarms / 40) - expected) > 1e-6:
            return False
    return True


def _samples() -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities (T, B, 1, h, w) of five draws, and labels."""
    chance = torch.Generator().manual_seed(5)
    p = torch.rand(5, 2, 1, 4, 6, generator=chance) * 0.98 + 0.01
    return p, (torch.rand(2, 1, 4, 6, generator=chance) > 0.5).float()


def _entropy(answer: Callable[..., Any]) -> bool:
    p, _ = _samples()
    draws = [(noise, 1 / len(p)) for noise in p.logit()]  # of a standard Gaussian's place
    flat = torch.zeros_like(p[0])
    expected = uen.expectations(flat, flat + 1, draws).entropy
    return torch.allclose(answer(p), expected, atol=1e-4)


def _error(answer: Callable[..., Any]) -> bool:
    p, y = _samples()
    return torch.allclose(answer(y, p[0]), uen.error(p[0].logit(), y), atol=1e-4)


def _uncertainty_loss(answer: Callable[..., Any]) -> bool:
    given = _samples()[0][:3]
    return torch.allclose(answer(*given), uen.uncertainty_loss(*given), atol=1e-4)


def _likelihood(answer: Callable[..., Any]) -> bool:
    p, y = _samples()
    expected = uen.Expectations(torch.zeros_like(y), p.mean(0), (1 - p).mean(0))
    return torch.allclose(answer(p, y), uen.likelihood_loss(expected, y), atol=1e-4)


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
    "pscc_net/gate": (
        _gate,
        "torch.nn.functional.interpolate brings the mask to the features' rows and columns: "
        "bilinear, with its corners on theirs",
    ),
    "pscc_net/fold": (
        _fold,
        "no pixel moves in memory: a reshape to r^2 times the channels and 1/r of each side",
    ),
    "pscc_net/channel": (
        _channel,
        "compare columns of theta with columns of phi, all places summed; the softmax runs along "
        "the last axis; g stands on the left",
    ),
    "pscc_net/file-type": (
        _rule,
        "draw the ROC curve: straight lines from (0, 0) over the rule's corner to (1, 1)",
    ),
    "uen/entropy": (
        _entropy,
        "take the entropy of each sample, both terms with logarithms of base 2, "
        "and only then the mean over the first axis",
    ),
    "uen/error": (
        _error,
        "where the label is 1 the error is what the probability lacks; elsewhere it is the "
        "probability",
    ),
    "uen/uncertainty-loss": (
        _uncertainty_loss,
        "divide the squared difference by the variance itself and add the logarithm of the "
        "variance; half of each, then the mean",
    ),
    "uen/likelihood": (
        _likelihood,
        "take the probability of the label, its mean over samples, then the logarithm; "
        "turn the printed sign",
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
