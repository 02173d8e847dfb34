"""PSCC-Net against the authors' numbers, the paper's counts and equations worked by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity_weights import key_list, outputs, state_of

from imdl_lib.backbones import hrnet
from imdl_lib.batch import Batch
from imdl_lib.errors import RegistryError, WeightsError
from imdl_lib.layers import parameter_count
from imdl_lib.papers import pscc_net
from imdl_lib.papers.pscc_net import SCCM, Config, Model, folded, unfolded

KEYS = key_list("pscc")
SMALL = Config(size_px=32, width=0.25)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def states(number: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    return {part: state_of(keys, number) for part, keys in KEYS.items()}


@pytest.fixture(scope="module")
def released() -> Model:
    return pscc_net.load_released(states())


def image_of(*size: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))


# The released network


@pytest.mark.parametrize(("seed", "strides"), [(0, (1, 2)), (3, (4, 2))])
def test_same_numbers_as_the_authors(seed, strides):
    stored = outputs("pscc", seed)
    pixels = np.random.default_rng([seed, 1]).random(tuple(stored["shape"]))
    model = pscc_net.load_released(states(seed))
    with torch.inference_mode():
        prediction = model(torch.tensor(pixels, dtype=torch.float32))
    first, second = (np.s_[:, :, ::stride, ::stride] for stride in strides)
    ours = {
        "feat4": prediction.maps["feat4"],
        "mask1": prediction.prob[first],
        "mask2": prediction.maps["mask2"][second],
        "mask3": prediction.maps["mask3"],
        "mask4": prediction.maps["mask4"],
        "logits": prediction.maps["class_logits"],
    }
    for name, found in ours.items():
        scale = np.abs(stored[name]).max()
        assert np.abs(found.numpy() - stored[name]).max() < 1e-4 * scale, name


def test_the_released_network_has_the_papers_size(released):
    parts = (released.backbone, released.masks, released.head)
    assert [parameter_count(part) for part in parts] == [2_028_572, 719_824, 919_546]


def test_hrnet_w18_has_its_published_size():
    body = parameter_count(hrnet.HRNet(hrnet.Config()))
    assert body == pytest.approx(9.56e6, rel=0.002)


def test_weights_saved_by_data_parallel_are_read(released):
    named = {p: {f"module.{n}": t for n, t in s.items()} for p, s in states().items()}
    loaded = pscc_net.load_released(named).state_dict()
    assert all(tensor.equal(loaded[name]) for name, tensor in released.state_dict().items())


def refused(given: dict) -> str:
    with pytest.raises(WeightsError) as caught:
        pscc_net.load_released(given)
    return str(caught.value)


def test_a_missing_part():
    given = states()
    del given["NLCDetection"]
    assert refused(given) == (
        "PSCC-Net's weights lack the part NLCDetection. Expected the state dicts of HRNet, "
        "NLCDetection, DetectionHead. Give all three files of the authors."
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"getmask4.gamma_s": None}, "getmask4.gamma_s is absent, expected (1,)."),
        ({"getmask4.gamma_s": (2,)}, "getmask4.gamma_s is (2,), expected (1,)."),
        ({"more": (2,)}, "more is (2,), expected nothing."),
    ],
)
def test_tensors_of_another_network(change, said):
    given = states()
    for name, shape in change.items():
        if shape is None:
            del given["NLCDetection"][name]
        else:
            given["NLCDetection"][name] = torch.zeros(shape)
    assert refused(given) == (
        f"These are not PSCC-Net's NLCDetection weights: {said} Give the authors' published files."
    )


# Any size, any neighbours, early exit


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (65, 33), (150, 90)])
def test_images_of_any_size(size):
    model = Model(SMALL).eval()
    with torch.inference_mode():
        prediction = model(image_of(*size))
    assert prediction.logits.shape == (1, 1, *size)
    assert prediction.prob.isfinite().all() and prediction.score.isfinite().all()


def resampled_by_loops(x: torch.Tensor, side: int) -> torch.Tensor:
    """A square whose corners are the corners of ``x``: between four neighbours, place by place."""
    *front, height, width = x.shape
    found = torch.zeros(*front, side, side)
    for i in range(side):
        for j in range(side):
            row, column = (n * (size - 1) / (side - 1) for n, size in ((i, height), (j, width)))
            top, left = int(row), int(column)
            below, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, along = row - top, column - left
            upper = (1 - along) * x[..., top, left] + along * x[..., top, right]
            lower = (1 - along) * x[..., below, left] + along * x[..., below, right]
            found[..., i, j] = (1 - down) * upper + down * lower
    return found


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (65, 33), (50, 30)])
def test_masks_and_head_take_the_same_resampled_features(size):
    model, image = Model(SMALL).eval(), image_of(*size)
    with torch.no_grad():
        fixed = zip(model.backbone(image), (32, 16, 8, 4), strict=True)
        features = [resampled_by_loops(x, side) for x, side in fixed]
        found = model(image).maps
        torch.testing.assert_close(found["class_logits"], model.head(features))
        for scale, logits in model.masks(features).items():
            torch.testing.assert_close(found[f"logits{scale}"], logits)


def test_features_keep_their_size_where_none_is_named():
    torch.manual_seed(0)
    fixed = Model(Config(size_px=64, width=0.25)).eval()
    own = Model(Config(size_px=None, width=0.25)).eval()
    own.load_state_dict(fixed.state_dict())
    with torch.no_grad():
        small, large = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 96, 128)
        assert torch.equal(own(small).logits, fixed(small).logits)
        assert torch.equal(own(small).score_logit, fixed(small).score_logit)
        assert own(large).maps["mask1"].shape == (1, 1, 96, 128)
        assert fixed(large).maps["mask1"].shape == (1, 1, 64, 64)
        assert torch.equal(own(large).maps["class_logits"], own.head(own.backbone(large)))


def test_a_result_does_not_depend_on_its_neighbours():
    model, image = Model(SMALL).eval(), image_of(40, 56, batch=3)
    with torch.inference_mode():
        together, alone = model(image), model(image[1:2])
    torch.testing.assert_close(together.logits[1:2], alone.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.score[1:2], alone.score)


@pytest.mark.parametrize("last", [2, 3, 4])
def test_early_exit_leaves_the_earlier_masks_bit_identical(last):
    whole, early = Model(SMALL).eval(), Model(Config(32, last, width=0.25)).eval()
    early.load_state_dict(whole.state_dict())
    image = image_of(48, 48)
    with torch.inference_mode():
        every, some = whole(image).maps, early(image)
    assert [n for n in some.maps if n.startswith("mask")] == [
        f"mask{scale}" for scale in range(4, last - 1, -1)
    ]
    assert all(some.maps[name].equal(every[name]) for name in some.maps)
    wanted = hrnet.resize(every[f"mask{last}"], (48, 48))
    torch.testing.assert_close(some.prob, wanted)


@pytest.mark.parametrize("height", [71, 128, 200, 259])
def test_strips_of_the_stem_give_the_whole(height):
    net = hrnet.HRNet(hrnet.Config.light(0.25)).eval()
    image = image_of(height, 20)
    with torch.inference_mode():
        whole, strips = net.stem(image), net._stem_in_strips(image)
    for a, b in zip(whole, strips, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_folded_normalisation_is_the_plain_one():
    net = hrnet.HRNet(hrnet.Config.light(0.25))
    for name, buffer in net.named_buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5) if name.endswith("var") else buffer.normal_()
    layer = net.layer1[0].conv2
    x = image_of(9, 8).repeat(1, 6, 1, 1)[:, :16]
    with torch.no_grad():
        plain = torch.nn.Sequential(layer[0], layer[1]).eval()
        torch.testing.assert_close(layer.eval()(x), F.relu(plain(x)), rtol=1e-4, atol=1e-5)


# Equations


def test_folding_is_undone():
    x = image_of(8, 12)
    assert folded(x, 2).shape == (1, 12, 4, 6)
    assert unfolded(folded(x, 4).flatten(2), x).equal(x)
    assert folded(x, 2)[0, 5].equal(x[0, 1, 2:4].reshape(4, 6))  # the second band, 12 wide, as 6


def attention_by_loops(sccm: SCCM, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Equations 2 and 3 entry by entry; places in rows, channels in columns."""
    rows = folded(x, sccm.r).flatten(2)[0].T.detach()  # X'
    embed = lambda conv: rows @ conv.weight[:, :, 0, 0].T + conv.bias  # noqa: E731
    g, theta, phi = (embed(conv).detach() for conv in (sccm.g, sccm.theta, sccm.phi))
    spatial, channel = torch.zeros_like(g), torch.zeros_like(g)
    for i in range(len(rows)):
        similar = torch.tensor([math.exp(float(theta[i] @ phi[j])) for j in range(len(rows))])
        spatial[i] = sum(similar[j] / similar.sum() * g[j] for j in range(len(rows)))
    wide = g.shape[1]
    for a in range(wide):
        similar = torch.tensor([math.exp(float(theta[:, a] @ phi[:, b])) for b in range(wide)])
        for b in range(wide):
            channel[:, b] += g[:, a] * similar[b] / similar.sum()
    return spatial, channel


def test_both_attentions_against_loops():
    sccm, x = SCCM(2, 2, Config()), image_of(4, 6)[:, :2]
    spatial, channel = attention_by_loops(sccm, x)
    with torch.no_grad():
        torch.testing.assert_close(folded(sccm.spatial(x), 2).flatten(2)[0].T, spatial)
        torch.testing.assert_close(folded(sccm.channelwise(x), 2).flatten(2)[0].T, channel)


def test_equation_4():
    sccm, x = SCCM(2, 2, Config()), image_of(4, 6)[:, :2]
    sccm.gamma_s.data.fill_(0.5)
    sccm.gamma_c.data.fill_(-2.0)
    with torch.no_grad():
        wanted = x + 0.5 * sccm.W_s(sccm.spatial(x)) - 2 * sccm.W_c(sccm.channelwise(x))
        torch.testing.assert_close(sccm.correlated(x), wanted)
        assert SCCM(2, 2, Config(spatial=False, channelwise=False)).correlated(x).equal(x)


def test_the_response_of_a_place_is_its_row_of_the_correlation():
    sccm, x = SCCM(2, 2, Config()), image_of(4, 6)[:, :2]
    with torch.no_grad():
        rows = sccm.response(x, torch.arange(6))
        g = sccm._rows(sccm.g, x)
        torch.testing.assert_close(unfolded((rows @ g).mT, x), sccm.spatial(x))
    assert rows.sum(-1).tolist() == [[pytest.approx(1)] * 6]


def test_features_are_shared_unless_told_otherwise():
    def count(**config) -> int:
        return parameter_count(SCCM(4, 2, Config(**config)))

    assert count(shared=False) - count() == 2 * (16 * 16 + 16)


def test_each_mask_gates_the_next_scale():
    model, x = Model(SMALL).eval(), image_of(32, 32)
    with torch.no_grad():
        features = model.backbone(x)
        found = model.masks(features)
        gated = features[2] * hrnet.resize(found[4].sigmoid(), features[2].shape[2:])
        torch.testing.assert_close(found[3], model.masks.getmask3(gated))


# Loss


def prediction_of(values: dict[int, torch.Tensor], score: list[float]):
    maps = {f"logits{scale}": value.logit() for scale, value in values.items()}
    first = next(iter(values.values()))
    return pscc_net.Prediction(first, torch.tensor(score), maps)


def test_others_build_on_what_the_finest_mask_is_read_from():
    model = Model(Config(size_px=32, width=0.25)).eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        e, _ = model.embed(image)
        assert e.shape == (1, model.embed_channels, 32, 32)
        assert torch.equal(model.read(e), model(image).maps["logits1"])


def test_loss_by_hand():
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    mask[0, :, :2, :2] = True
    batch = Batch(image_of(4, 4, batch=2), mask)
    values = {1: torch.full((2, 1, 4, 4), 0.2), 2: torch.full((2, 1, 2, 2), 0.5)}
    prediction = prediction_of(values, [0.0, math.log(3)])
    terms = pscc_net.loss(prediction, batch, Config())
    fine = -(4 * math.log(0.2) + 28 * math.log(0.8)) / 32
    assert float(terms["mask1"]) == pytest.approx(fine / 4, rel=1e-4)
    assert float(terms["mask2"]) == pytest.approx(math.log(2) / 4, rel=1e-4)
    assert float(terms["score"]) == pytest.approx((math.log(2) + math.log(4)) / 2, rel=1e-4)
    balanced = pscc_net.loss(prediction, batch, Config.released())
    even = -(0.5 * math.log(0.2) + 0.5 * math.log(0.8))
    assert float(balanced["mask1"]) == pytest.approx(even, rel=1e-4)
    weighted = (4 / 3 * math.log(2) + 4 * math.log(4)) / (4 / 3 + 4)
    assert float(balanced["score"]) == pytest.approx(weighted, rel=1e-4)


def test_only_supervised_masks_are_in_the_loss():
    batch = Batch(image_of(4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.bool))
    values = {1: torch.full((1, 1, 4, 4), 0.25), 2: torch.full((1, 1, 2, 2), 0.5)}
    prediction = prediction_of(values, [0.0])
    every = pscc_net.loss(prediction, batch, Config())
    finest = pscc_net.loss(prediction, batch, Config(supervised=(1,)))
    assert set(every) == {"score", "mask1", "mask2"} and set(finest) == {"score", "mask1"}
    assert torch.equal(finest["mask1"], every["mask1"])  # neither grows for the others' absence
    assert set(pscc_net.loss(prediction, batch, Config(supervised=()))) == {"score"}


def test_a_batch_without_forged_pixels_is_not_balanced():
    batch = Batch(image_of(4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.bool))
    prediction = prediction_of({1: torch.full((1, 1, 4, 4), 0.25)}, [0.0])
    terms = pscc_net.loss(prediction, batch, Config.released())
    assert float(terms["mask1"]) == pytest.approx(-math.log(0.75), rel=1e-4)


def test_targets_are_forged_where_over_half_of_a_cell_is():
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., :3, :3] = True
    batch = Batch(image_of(4, 4), mask)
    prediction = prediction_of({2: torch.full((1, 1, 2, 2), 0.5)}, [0.0])
    assert pscc_net.targets(batch, prediction)[2][0, 0].tolist() == [[1, 0], [0, 0]]


def test_a_wrong_and_certain_mask_still_has_a_gradient():
    batch = Batch(image_of(4, 4), torch.ones(1, 1, 4, 4, dtype=torch.bool))
    logits = torch.full((1, 1, 4, 4), -30.0, requires_grad=True)
    prediction = pscc_net.Prediction(logits, torch.zeros(1), {"logits1": logits})
    pscc_net.loss(prediction, batch)["mask1"].backward()
    assert logits.grad.flatten().tolist() == [pytest.approx(-1 / 64)] * 16


ABLATIONS = [{}, {"shared": False}, {"spatial": False}, {"channelwise": False}]
ABLATIONS += [{"spatial": False, "channelwise": False}]


@pytest.mark.parametrize("change", ABLATIONS, ids=str)
def test_every_weight_is_trained(change):
    model = Model(Config(size_px=32, width=0.25, **change))
    mask = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    mask[0, :, 8:20, 8:20] = True
    batch = Batch(image_of(32, 32, batch=2), mask)
    sum(pscc_net.loss(model(batch.image), batch, model.config).values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


# Errors


def test_a_scale_that_does_not_exist():
    with pytest.raises(RegistryError) as caught:
        Config(last_scale=5)
    assert str(caught.value) == (
        "PSCC-Net's last_scale is 5, which does not exist. Choose from 1, 2, 3, 4."
    )


def test_a_size_that_does_not_fit():
    with pytest.raises(RegistryError) as caught:
        Config(size_px=100)
    assert str(caught.value) == (
        "PSCC-Net's size_px is 100. Expected a multiple of 32, so that three halvings and the "
        "folds fit."
    )
