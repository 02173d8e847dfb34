"""Each exercise's check accepts a right answer, and neither an empty nor a plausible wrong one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from imdl_lib import exercises


def flat(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.mean((2, 3), keepdim=True), x.std((2, 3), unbiased=False, keepdim=True)


def pooled(x: torch.Tensor, n: int, pad: bool) -> torch.Tensor:
    return F.avg_pool2d(x, n, 1, n // 2, count_include_pad=pad)


def negated(prob: torch.Tensor, mostly: torch.Tensor) -> torch.Tensor:
    return torch.where(mostly, 1 - prob, prob)


def share(mask: torch.Tensor) -> torch.Tensor:
    return mask.float().mean((1, 2, 3), keepdim=True)


def gated(x: torch.Tensor, mask: torch.Tensor, **how: Any) -> torch.Tensor:
    return x * F.interpolate(mask, x.shape[2:], **how)


def bands(x: torch.Tensor, r: int) -> torch.Tensor:
    return x.reshape(len(x), -1, x.shape[2] // r, x.shape[3] // r)


def bits(p: torch.Tensor) -> torch.Tensor:
    return -p * p.log2() - (1 - p) * (1 - p).log2()


def likely(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return y * p + (1 - y) * (1 - p)


RIGHT: dict[str, Callable[..., Any]] = {
    "mantranet/z-score": lambda x: (x - flat(x)[0]) / flat(x)[1],
    "mantranet/window-mean": lambda x, n: pooled(x, n, pad=False),
    "mantranet/negation": lambda p, m: negated(p, share(m) > 0.5),
    "pscc_net/gate": lambda x, m: gated(x, m, mode="bilinear", align_corners=True),
    "pscc_net/fold": bands,
    "pscc_net/channel": lambda g, theta, phi: g @ (theta.mT @ phi).softmax(-1),
    "pscc_net/file-type": lambda recall, fpr: (1 + recall - fpr) / 2,
    "uen/entropy": lambda p: bits(p).mean(0),
    "uen/error": lambda y, p: (y - p).abs(),
    "uen/uncertainty-loss": lambda a, b, v: ((a - b) ** 2 / v + v.log()).mean() / 2,
    "uen/likelihood": lambda p, y: -likely(p, y).mean(0).log().mean(),
}

WRONG: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("mantranet/z-score", "divided by H W - 1", lambda x: (x - flat(x)[0]) / x.std((2, 3), True)),
    ("mantranet/window-mean", "padding counted", lambda x, n: pooled(x, n, pad=True)),
    ("mantranet/negation", "a half is enough", lambda p, m: negated(p, share(m) >= 0.5)),
    ("mantranet/negation", "all together", lambda p, m: negated(p, m.float().mean() > 0.5)),
    ("pscc_net/gate", "corners not aligned", lambda x, m: gated(x, m, mode="bilinear")),
    ("pscc_net/gate", "nearest", lambda x, m: gated(x, m, mode="nearest")),
    ("pscc_net/gate", "added", lambda x, m: x + gated(x / x, m, mode="nearest")),
    ("pscc_net/fold", "every r-th pixel", lambda x, r: F.pixel_unshuffle(x, r)),
    (
        "pscc_net/fold",
        "blocks",
        lambda x, r: bands(x, r).unflatten(1, (-1, r**2)).mT.flatten(1, 2),
    ),
    ("pscc_net/channel", "other axis", lambda g, theta, phi: g @ (theta.mT @ phi).softmax(-2)),
    ("pscc_net/channel", "as printed", lambda g, theta, phi: g @ (g.mT @ phi).softmax(-1)),
    ("pscc_net/channel", "transposed", lambda g, theta, phi: g @ (theta.mT @ phi).softmax(-1).mT),
    (
        "pscc_net/channel",
        "divided by the root of the places",
        lambda g, theta, phi: g @ (theta.mT @ phi / len(g[0]) ** 0.5).softmax(-1),
    ),
    ("pscc_net/file-type", "recall", lambda recall, fpr: recall),
    ("pscc_net/file-type", "no false alarms", lambda recall, fpr: (1 + recall) / 2),
    ("pscc_net/file-type", "never below a half", lambda r, fpr: 0.5 + abs(r - fpr) / 2),
    ("uen/entropy", "in nats", lambda p: bits(p).mean(0) * torch.tensor(2.0).log()),
    ("uen/entropy", "of the mean", lambda p: bits(p.mean(0))),
    ("uen/entropy", "one term", lambda p: (-p * p.log2()).mean(0)),
    ("uen/entropy", "a sum", lambda p: bits(p).sum(0)),
    ("uen/error", "with a sign", lambda y, p: y - p),
    ("uen/error", "squared", lambda y, p: (y - p) ** 2),
    ("uen/error", "agreement", lambda y, p: y * p + (1 - y) * (1 - p)),
    (
        "uen/uncertainty-loss",
        "variance taken for a deviation",
        lambda a, b, v: ((a - b) ** 2 / v**2 + (v**2).log()).mean() / 2,
    ),
    ("uen/uncertainty-loss", "no half", lambda a, b, v: ((a - b) ** 2 / v + v.log()).mean()),
    ("uen/uncertainty-loss", "no logarithm", lambda a, b, v: ((a - b) ** 2 / v).mean() / 2),
    (
        "uen/uncertainty-loss",
        "not squared",
        lambda a, b, v: ((a - b).abs() / v + v.log()).mean() / 2,
    ),
    ("uen/likelihood", "as printed", lambda p, y: likely(p, y).mean(0).log().mean()),
    ("uen/likelihood", "logarithm first", lambda p, y: -likely(p, y).log().mean()),
    ("uen/likelihood", "labels ignored", lambda p, y: -p.mean(0).log().mean()),
)


def test_every_exercise_has_a_right_and_a_wrong_answer():
    assert set(RIGHT) == set(exercises.CHECKS) == {id for id, _, _ in WRONG}


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_solves_it(id, capsys):
    assert exercises.check(id, RIGHT[id])
    assert capsys.readouterr().out == f"{id}: solved\n"


@pytest.mark.parametrize(("id", "name", "answer"), WRONG, ids=[f"{i}: {n}" for i, n, _ in WRONG])
def test_a_wrong_answer_gets_a_hint(id, name, answer, capsys):
    assert not exercises.check(id, answer)
    assert capsys.readouterr().out == f"{id}: not yet. Hint: {exercises.CHECKS[id][1]}.\n"


@pytest.mark.parametrize("id", RIGHT)
def test_an_empty_answer_raises_nothing(id):
    assert not exercises.check(id, lambda *given: None)


def test_a_check_leaves_the_random_numbers_alone():
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    exercises.check("pscc_net/channel", RIGHT["pscc_net/channel"])
    assert torch.rand(1).equal(wanted)
