"""Ratios of times on a clock that only networks move; operations counted by hand."""

import torch
from torch import nn

from imdl_lib import speed
from imdl_lib.papers import pscc_net


class Takes(nn.Module):
    """Lets a clock run for so many seconds at each call."""

    def __init__(self, clock: list[float], *seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, list(seconds)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.clock[0] += self.seconds.pop(0)
        return image


def test_best_times_in_turns(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(speed.time, "process_time", lambda: clock[0])
    assert speed.relative_time(Takes(clock, 5, 2, 2), Takes(clock, 4, 4, 4), 3) == 0.5
    assert speed.relative_time(Takes(clock, 5, 2), Takes(clock, 4, 4), 1) == 1.25
    assert speed.seconds(Takes(clock, 3, 1, 2), speed.SQUARE, 3) == 1
    order = []
    ways = {name: lambda name=name: order.append(name) for name in "ab"}
    assert speed.best_seconds(ways, 2).keys() == {"a", "b"} and order == [*"abab"]


def test_the_clock_is_the_processor_s_where_one_thread_does_all(monkeypatch):
    """Of several threads the processor's time would be a sum."""
    monkeypatch.setattr(speed.time, "process_time", iter([1.0, 4.0]).__next__)
    monkeypatch.setattr(speed.time, "perf_counter", iter([10.0, 15.0]).__next__)
    assert speed.best_seconds({"way": lambda: None}, 1) == {"way": 3}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert speed.best_seconds({"way": lambda: None}, 1) == {"way": 5}


def test_the_share_of_the_score_alone(monkeypatch):
    """Backbone 2 s, masks 5 s, head 1 s: three of eight."""
    clock = [0.0]
    monkeypatch.setattr(speed.time, "process_time", lambda: clock[0])

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.resampled = Takes(clock, 2, 2), nn.Identity()
            self.masks, self.head = Takes(clock, 5), Takes(clock, 1, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.head(self.masks(self.backbone(image)))

    assert speed.detection_share(Parts(), speed.SQUARE, 1) == 3 / 8


def test_operations_by_hand():
    """Three colours to 8 channels by 3 x 3: 27 products and sums for each of 8 maps' pixels."""
    network = nn.Conv2d(3, 8, 3, padding=1)
    assert speed.teraflop(network, (1000, 2000)) == round(2 * 27 * 8 * 2e6 / 1e12, 4)
    assert network.weight.device.type == "cpu"  # counted on a copy


def test_attention_does_not_grow_with_the_image():
    network = pscc_net.Model(pscc_net.Config())
    small, large = (speed.attention_entries(network, size) for size in ((256, 256), (512, 768)))
    places = [((256 >> number) // r) ** 2 for number, r in enumerate(pscc_net.FOLDS)]
    channels = [(18 << number) * r**2 for number, r in enumerate(pscc_net.FOLDS)]
    assert small == large == sum(n**2 for n in places + channels)
    unbounded = pscc_net.Model(pscc_net.Config(size_px=None))
    assert speed.attention_entries(unbounded, (512, 512)) > 10 * small


def test_a_fold_that_loses_something_is_seen(monkeypatch):
    assert speed.fold_is_exact()
    monkeypatch.setattr(pscc_net, "unfolded", lambda y, like: y.reshape(like.shape).flip(2))
    assert not speed.fold_is_exact()


def test_any_size():
    class Halves(nn.Module):
        def forward(self, image: torch.Tensor) -> object:
            return type("Said", (), {"logits": image[:, :1, ::2]})

    class Keeps(nn.Module):
        def forward(self, image: torch.Tensor) -> object:
            return type("Said", (), {"logits": image[:, :1]})

    assert speed.any_size(Keeps()) and not speed.any_size(Halves())
