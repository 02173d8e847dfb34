"""ManTra-Net against the port's numbers, the paper's counts and equations worked by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity_weights import key_list, outputs, state_of

from imdl_lib import layers
from imdl_lib.batch import Batch
from imdl_lib.errors import RegistryError, WeightsError
from imdl_lib.layers import SRMConv2d, parameter_count
from imdl_lib.manipulations import CLASSES, HIERARCHY
from imdl_lib.papers import mantranet
from imdl_lib.papers.mantranet import Config, ConvLSTM, Deviation, ImcModel, Model, Trace

KEYS = key_list("mantranet")
PLAIN = {"level": 0, "first_layer": "conv3", "wider": False, "deeper": False}
SMALL = Config(width=0.125)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def released() -> Model:
    return mantranet.load_released(state_of(KEYS, 0))


def image_of(*size: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))


def forged(image: torch.Tensor) -> Batch:
    mask = torch.zeros_like(image[:, :1]).bool()
    mask[..., : image.shape[-1] // 2] = True
    return Batch(image, mask)


# The port


def test_same_numbers_as_the_port(released):
    stored = outputs("mantranet", 0)
    pixels = np.random.default_rng([0, 1]).integers(0, 256, stored["shape"]) / 255
    with torch.inference_mode():
        prediction = released(torch.tensor(pixels, dtype=torch.float32))
    featex = prediction.maps["featex"][:, :, ::8, ::8].numpy()
    for ours, theirs in ((featex, stored["featex"]), (prediction.prob.numpy(), stored["mask"])):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_other_weights_give_other_finite_numbers(released):
    other = mantranet.load_released(state_of(KEYS, 1))
    with torch.inference_mode():
        first, second = (model(image_of(9, 8)).logits for model in (released, other))
    assert second.isfinite().all()
    assert not torch.allclose(first, second)


def test_the_released_network_has_the_ports_size(released):
    assert parameter_count(released) == 3_804_950
    assert released.trace.first.srm.weight.numel() == 675


def test_the_ports_srm_kernels_are_ours():
    theirs = torch.tensor(KEYS["fixed"]["IMTFE.SRMConv2D.weight"]).reshape(9, 3, 5, 5)
    assert torch.equal(SRMConv2d(per_channel=True).weight, theirs)


def test_weights_saved_by_data_parallel_are_read(released):
    state = {f"module.{name}": tensor for name, tensor in state_of(KEYS, 0).items()}
    loaded = mantranet.load_released(state).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in released.state_dict().items())


def refused(state: dict[str, torch.Tensor]) -> str:
    with pytest.raises(WeightsError) as caught:
        mantranet.load_released(state)
    return str(caught.value)


REMEDY = (
    " Give the state dict of the converted PyTorch weights; the authors' Keras file is not read."
)


def test_a_missing_tensor():
    state = state_of(KEYS, 0)
    del state["AnomalyDetector.sigma_F"]
    assert refused(state) == (
        "These are not the port's ManTra-Net weights: AnomalyDetector.sigma_F is absent, "
        "expected (1, 64, 1, 1)." + REMEDY
    )


def test_a_tensor_too_many():
    state = state_of(KEYS, 0) | {"sigma": torch.zeros(2)}
    assert refused(state) == (
        "These are not the port's ManTra-Net weights: sigma is (2,), expected nothing." + REMEDY
    )


def test_a_tensor_of_another_shape():
    state = state_of(KEYS, 0)
    state["IMTFE.BayarConv2D.weight"] = torch.zeros(3, 3, 3, 3)
    assert refused(state) == (
        "These are not the port's ManTra-Net weights: IMTFE.BayarConv2D.weight is "
        "(3, 3, 3, 3), expected (3, 3, 5, 5)." + REMEDY
    )


# Configurations


@pytest.mark.parametrize(
    ("name", "value", "choice"),
    [
        ("backbone", "unet", "vgg, resnet, dncnn"),
        ("first_layer", "conv7", "conv3, conv5, bayar, srm, combined"),
        ("deviation", "x", "raw, z"),
        ("stack", "space", "channel, time"),
        ("level", 6, "0, 1, 2, 3, 4, 5"),
    ],
)
def test_settings_that_do_not_exist(name, value, choice):
    with pytest.raises(RegistryError) as caught:
        Config(**{name: value})
    assert str(caught.value) == (
        f"ManTra-Net's {name} is {value!r}, which does not exist. Choose from {choice}."
    )


@pytest.mark.parametrize(
    ("backbone", "count"), [("vgg", 486_103), ("resnet", 462_951), ("dncnn", 515_007)]
)
def test_parameters_of_table_2(backbone, count):
    assert parameter_count(ImcModel(Config(backbone=backbone, **PLAIN))) == count


def test_parameters_of_the_wider_and_deeper_extractor():
    assert parameter_count(Trace(Config(srm_per_channel=True))) == 3_680_989


@pytest.mark.parametrize(
    ("kind", "maps"), [("conv3", 32), ("conv5", 32), ("srm", 3), ("bayar", 3), ("combined", 32)]
)
def test_first_layers_of_table_3(kind, maps):
    layer = mantranet.FirstLayer(Config(first_layer=kind))
    assert layer.channels == maps
    assert layer(image_of(6, 5)).shape == (1, maps, 6, 5)


def test_the_combined_layer_is_10_free_3_srm_3_bayar_maps_where_not_wider():
    layer = mantranet.FirstLayer(Config(wider=False))
    assert layer.free.weight.shape == (10, 3, 5, 5)
    image = image_of(6, 5)
    expected = [layer.free(image), layer.srm(image), layer.bayar(image)]
    assert torch.equal(layer(image), torch.cat(expected, 1))


def seen_px(model: ImcModel) -> int:
    """Side of the square of input pixels that move the decision in the middle."""
    image = image_of(37, 37).requires_grad_()
    model(image)[0, :, 18, 18].square().sum().backward()
    reached = image.grad.abs().sum((0, 1)) > 0
    return max(int(reached.any(axis).sum()) for axis in (0, 1))


@pytest.mark.parametrize(
    ("config", "convolutions", "side"),
    [(Config(**PLAIN), 11, 23), (SMALL, 14, 31)],
)
def test_receptive_field(config, convolutions, side):
    model = ImcModel(config).eval()
    assert model.conv_layers == convolutions
    assert model.receptive_field_px == side
    assert seen_px(model) == side


# Classification of manipulations


def test_the_trace_has_unit_length_at_every_pixel():
    feature = Trace(SMALL)(image_of(7, 9))
    assert feature.shape == (1, 32, 7, 9)
    assert torch.allclose(feature.square().sum(1), torch.ones(1, 7, 9), atol=1e-5)


@pytest.mark.parametrize("stride", [1, 4])
def test_classes_on_the_decisions_grid(stride):
    model, image = ImcModel(Config(width=0.125, decision_stride=stride, level=1)), image_of(9, 12)
    dense = model.decided(image, 1)
    assert dense.shape == (1, 25, 9, 12)
    assert torch.allclose(model(image), dense[:, :, ::stride, ::stride], atol=1e-5)


def test_classification_loss_by_hand():
    logits = torch.zeros(2, 7, 1, 2)
    leaves = torch.tensor([0, 384])
    right, wrong = HIERARCHY[0][[0, 384]]
    logits[0, right, 0, 0] = math.log(2)  # P = 2/8 at one pixel, 1/7 at the other
    logits[1, right, 0, 1] = math.log(2)  # P of the true class: 1/7 and 1/8
    batch = Batch(torch.rand(2, 3, 1, 2), operation=leaves)
    assert right != wrong
    expected = (math.log(4) + math.log(7) + math.log(7) + math.log(8)) / 4
    assert mantranet.imc_loss(logits, batch)["class"].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("level", range(6))
def test_classification_loss_follows_the_hierarchy(level):
    leaf = 200
    logits = torch.zeros(1, CLASSES[level], 1, 1)
    logits[0, HIERARCHY[level][leaf]] = 50
    batch = Batch(torch.rand(1, 3, 4, 4), operation=torch.tensor([leaf]))
    assert mantranet.imc_loss(logits, batch)["class"] < 1e-6


def test_class_probabilities_are_the_mean_over_pixels():
    logits = torch.tensor([[[[0.0, math.log(3)]], [[0.0, 0.0]]]])  # 1/2 and 3/4
    probability = mantranet.imc_probabilities(logits)
    assert torch.allclose(probability, torch.tensor([[0.625, 0.375]]))


# Anomalous features


def windowed_mean(image: np.ndarray, window: int) -> np.ndarray:
    """Equation 6, one window at a time."""
    out, reach = np.zeros_like(image), window // 2
    for row, column in np.ndindex(image.shape):
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        out[row, column] = image[rows, columns].mean()
    return out


@pytest.mark.parametrize("window", [1, 3, 7, 31])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (9, 5), (12, 20)])
def test_box_mean_against_a_loop(window, size):
    feature = image_of(*size)
    ours = mantranet.box_mean(feature, window)[0, 1].numpy()
    expected = windowed_mean(feature[0, 1].numpy().astype(np.float64), window)
    assert np.allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("window", [7, 15, 31])
def test_box_mean_stays_exact_over_a_large_image(window):
    feature = torch.randn(1, 2, 512, 512) + torch.tensor([0.0, 50.0])[:, None, None]
    expected = F.avg_pool2d(feature.double(), window, 1, window // 2, count_include_pad=False)
    assert (mantranet.box_mean(feature, window) - expected).abs().max() < 1e-4


FEATURE = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])  # mean 3, variance 50 / 4 - 9


def test_equations_1_and_4_by_hand():
    assert mantranet.global_mean(FEATURE).item() == 3
    assert mantranet.global_sigma(FEATURE).item() == pytest.approx(math.sqrt(3.5), rel=1e-6)


def deviation(**settings) -> Deviation:
    return Deviation(Config(windows=(), **settings), 1)


def test_equation_2_by_hand():
    raw = deviation(deviation="raw")(FEATURE)
    assert raw.tolist() == [[[[[-2, -1], [0, 3]]]]]


def test_equation_3_by_hand():
    z = deviation()(FEATURE) * math.sqrt(3.5)
    assert torch.allclose(z, torch.tensor([[[[[-2.0, -1.0], [0.0, 3.0]]]]]), atol=1e-6)


def test_equation_5_by_hand():
    module = deviation(epsilon=0.5)
    module.floor.data.fill_(9.5)
    assert torch.allclose(module(FEATURE) * 10, deviation(deviation="raw")(FEATURE), atol=1e-6)
    module.floor.data.fill_(-100.0)  # a negative floor counts as none
    assert torch.allclose(module(FEATURE), deviation()(FEATURE))


def test_equation_5_lets_the_floor_learn():
    module = deviation()
    module.floor.data.fill_(9.5)
    module(FEATURE).square().sum().backward()
    assert module.floor.grad.item() < 0


def test_equations_6_and_7_by_hand():
    feature = torch.tensor([[[[0.0, 0.0, 6.0, 0.0]]]])
    module = Deviation(Config(windows=(3,), deviation="raw"), 1)
    far, near = module(feature)
    assert far.flatten().tolist() == [-1.5, -1.5, 4.5, -1.5]
    assert torch.allclose(near.flatten(), torch.tensor([0.0, -2.0, 4.0, -3.0]), atol=1e-6)


def test_reading_order_and_sign():
    feature = torch.randn(1, 2, 40, 33)
    paper = Deviation(Config(), 2)(feature)
    assert paper.shape == (4, 1, 2, 40, 33)
    near_first = Deviation(Config(far_to_near=False), 2)(feature)
    unsigned = Deviation(Config(far_to_near=False, signed=False), 2)(feature)
    assert torch.equal(near_first, paper.flip(0))
    assert torch.equal(unsigned, near_first.abs())
    sigma = feature.std((2, 3), correction=0, keepdim=True)
    expected = [(feature - feature.mean((2, 3), keepdim=True)) / sigma]
    for window in (31, 15, 7):
        mean = F.avg_pool2d(feature, window, 1, window // 2, count_include_pad=False)
        expected.append((feature - mean) / sigma)
    assert torch.allclose(paper, torch.stack(expected), atol=1e-4)


@pytest.mark.parametrize("kind", ["raw", "z"])
def test_a_constant_feature_deviates_nowhere(kind):
    feature = torch.tensor([0.0, -3.5])[:, None, None].expand(1, 2, 20, 20)
    module = Deviation(Config(deviation=kind), 2)
    assert torch.equal(module(feature), torch.zeros(4, 1, 2, 20, 20))


def read_slowly(cell: ConvLSTM, sequence: torch.Tensor) -> torch.Tensor:
    """The recurrence as it is printed: one convolution of [Z, h] at each time."""
    hidden = memory = torch.zeros(sequence.shape[1], cell.hidden, *sequence.shape[3:])
    for z in sequence:
        i, f, g, o = cell.gates(torch.cat([z, hidden], 1)).chunk(4, 1)
        memory = cell.gate(f) * memory + cell.gate(i) * torch.tanh(g)
        hidden = cell.gate(o) * torch.tanh(memory)
    return hidden


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("times", [1, 4])
def test_convlstm_against_the_recurrence(hard, times):
    cell, sequence = ConvLSTM(3, 2, hard), torch.randn(times, 2, 3, 5, 6)
    assert torch.allclose(cell(sequence), read_slowly(cell, sequence), atol=1e-6)


def test_keras_gate_by_hand():
    gate = mantranet.hard_sigmoid(torch.tensor([-9.0, -2.5, -1.0, 0.0, 1.0, 2.5, 9.0]))
    assert torch.allclose(gate, torch.tensor([0.0, 0.0, 0.3, 0.5, 0.7, 1.0, 1.0]))


def test_reading_together_is_blind_to_nothing():
    reader = mantranet.Together(12, 2)
    sequence = torch.randn(4, 1, 3, 5, 5, requires_grad=True)
    reader(sequence).sum().backward()
    assert (sequence.grad.abs().sum((1, 2, 3, 4)) > 0).all()
    expected = torch.cat([*sequence.detach()], 1)
    assert torch.allclose(reader(sequence), reader.mix(expected).tanh())


# The whole


@pytest.mark.parametrize("size", [(1, 2), (5, 7), (33, 64)])
def test_any_size(size):
    prediction = Model(SMALL).eval()(image_of(*size))
    assert prediction.logits.shape == (1, 1, *size)
    assert prediction.logits.isfinite().all() and prediction.score_logit.isfinite().all()


def test_one_pixel():
    assert Model(SMALL).eval()(image_of(1, 1)).logits.isfinite().all()


def test_a_flat_image_gives_finite_gradients():
    model, image = Model(SMALL), torch.full((1, 3, 8, 8), 0.5)
    mantranet.loss(model(image), forged(image))["mask"].backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("backbone", mantranet.BACKBONES)
def test_an_image_does_not_see_its_neighbours(backbone):
    config = Config(width=0.125, backbone=backbone, first_layer="conv3")
    images = image_of(12, 10, batch=3)
    for model in (Model(config).eval(), ImcModel(config).eval()):
        outputs = [model(images), *(model(image[None]) for image in images)]
        together, *alone = [o.logits if isinstance(model, Model) else o for o in outputs]
        assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_the_score_is_the_maps_mean():
    prediction = Model(SMALL)(image_of(9, 8, batch=2))
    assert torch.allclose(prediction.score, prediction.prob.mean((1, 2, 3)), atol=1e-6)


def test_loss_by_hand():
    prediction = mantranet.Prediction(torch.tensor([[[[0.0, math.log(3)]]]]), torch.zeros(1))
    batch = Batch(torch.rand(1, 3, 1, 2), torch.tensor([[[[True, False]]]]))
    expected = (math.log(2) + math.log(4)) / 2  # -log 1/2 and -log(1 - 3/4)
    assert mantranet.loss(prediction, batch)["mask"].item() == pytest.approx(expected, rel=1e-6)


def without_gradient(model: torch.nn.Module) -> list[str]:
    named = model.named_parameters()
    return [name for name, w in named if w.grad is None or not w.grad.abs().max() > 0]


@pytest.mark.parametrize("stack", ["time", "channel"])
def test_gradients_reach_every_weight_of_the_whole(stack):
    model, image = Model(Config(width=0.125, stack=stack)), image_of(16, 16, batch=2)
    model.deviation.floor.data.fill_(5)  # it acts only where it exceeds sigma, about 1
    mantranet.loss(model(image), forged(image))["mask"].backward()
    assert without_gradient(model) == []


CLASSIFIERS = [(backbone, "conv3") for backbone in mantranet.BACKBONES] + [("vgg", "combined")]


@pytest.mark.parametrize(("backbone", "first_layer"), CLASSIFIERS)
def test_gradients_reach_every_weight_of_the_classifier(backbone, first_layer):
    model = ImcModel(Config(width=0.25, backbone=backbone, first_layer=first_layer, level=1))
    batch = Batch(image_of(16, 16, batch=4), operation=torch.tensor([0, 90, 200, 384]))
    mantranet.imc_loss(model(batch.image), batch)["class"].backward()
    assert without_gradient(model) == []


def test_dncnn_has_no_weight_that_it_does_not_use():
    model = Trace(Config(width=0.125, backbone="dncnn"))
    model(image_of(8, 8)).sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def first_loss(seed: int) -> float:
    torch.manual_seed(seed)
    image = image_of(12, 12)
    return mantranet.loss(Model(SMALL)(image), forged(image))["mask"].item()


def test_same_seed_same_loss():
    assert first_loss(3) == first_loss(3)
    assert first_loss(3) != first_loss(4)


def test_departures_are_told_whole():
    assert len({departure.what for departure in mantranet.DEPARTURES}) == len(mantranet.DEPARTURES)
    for departure in mantranet.DEPARTURES:
        assert all(vars(departure).values())


@pytest.mark.parametrize("size", [{}, {"wider": False, "deeper": False}], ids=["W&D", "plain"])
def test_an_untrained_trace_tells_pixels_apart(size):
    """Under torch's own initial weights it does not: the deviation is below 1e-3."""
    torch.manual_seed(0)
    trace = mantranet.Trace(mantranet.Config(width=0.25, **size))
    trace.apply(layers.glorot)
    image = torch.rand(4, 3, 24, 24)
    with torch.no_grad():
        assert trace(image).std((0, 2, 3)).mean() > 0.02
        untouched = mantranet.Trace(mantranet.Config(width=0.25, **size))
        assert untouched(image).std((0, 2, 3)).mean() < 1e-3


@pytest.mark.parametrize("build", [mantranet.Model, mantranet.ImcModel])
def test_networks_start_from_keras_defaults(build):
    model = build(mantranet.Config(width=0.25))
    last = model.decide if build is mantranet.Model else model.decision
    assert not last.bias.any() and not model.trace.body[-1].bias.any()
    fan = (last.in_channels + last.out_channels) * last.kernel_size[0] ** 2
    assert last.weight.detach().abs().max() == pytest.approx((6 / fan) ** 0.5, rel=0.1)
