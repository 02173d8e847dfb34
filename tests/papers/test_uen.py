"""UEN: each equation against values worked out by hand, sampling against quadrature, both bases."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from imdl_lib import jobs
from imdl_lib.batch import Batch
from imdl_lib.errors import RegistryError
from imdl_lib.papers import pscc_net, uen
from imdl_lib.papers.uen import Config, Model, Vanilla


def pixels(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def bits(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def grid(most: float) -> tuple[Tensor, Tensor]:
    """Means from -6 to 6 and deviations up to ``most``, every pair a pixel; as mean, variance."""
    mu, sigma = torch.meshgrid(
        torch.linspace(-6, 6, 25), torch.linspace(0.05, most, 9), indexing="ij"
    )
    return mu.reshape(1, 1, 25, 9), sigma.reshape(1, 1, 25, 9) ** 2


# Section 3.1


def test_equations_2_to_4_by_hand():
    """mu 0.5, sigma 2, noise 1 and -1: logits 2.5 and -1.5."""
    draws = [(torch.ones(1, 1, 1, 1), 0.5), (-torch.ones(1, 1, 1, 1), 0.5)]
    found = uen.expectations(pixels(0.5), pixels(4.0), draws)
    p = [sigmoid(2.5), sigmoid(-1.5)]
    assert found.entropy.item() == pytest.approx((bits(p[0]) + bits(p[1])) / 2, abs=1e-6)
    assert found.forged.item() == pytest.approx((p[0] + p[1]) / 2, abs=1e-6)
    assert found.pristine.item() == pytest.approx(1 - (p[0] + p[1]) / 2, abs=1e-6)


class Says(torch.nn.Module):
    """A head with the same answer to everything."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.answer = pixels(*values)

    def forward(self, e: Tensor) -> Tensor:
        return self.answer


def test_equation_1_by_hand():
    """Features 2 and -3: the hidden layer keeps the first alone, the last one weighs and shifts."""
    head = uen._head(2)
    with torch.no_grad():
        for layer in (head[0], head[2]):
            layer.weight.zero_()
            layer.bias.zero_()
        head[0].weight[:2] = torch.eye(2)[..., None, None]
        head[2].weight[0, :2] = torch.tensor([0.5, 7.0]).view(2, 1, 1)
        head[2].bias.fill_(0.25)
    e = torch.tensor([2.0, -3.0]).view(1, 2, 1, 1)
    assert head(e).item() == pytest.approx(0.5 * 2 + 7 * 0 + 0.25)
    model = Model(Config(samples=1), Flat()).eval()
    model.base.read, model.variance = Says(0.0, 0.0, 0.0), Says(-40.0, 1.0, 40.0)
    model.refined = lambda e, variance, entropy: variance
    found = model(example().image).maps["variance"].flatten().tolist()
    assert found == pytest.approx([1e-3, math.log(1 + math.e) + 1e-3, 10], rel=1e-5)


def test_a_coin_toss_has_one_bit_and_certainty_none():
    found = uen.expectations(pixels(0.0, 40.0, -40.0), pixels(1e-6, 1.0, 1.0), uen.gauss_hermite(8))
    assert found.entropy.flatten().tolist() == pytest.approx([1, 0, 0], abs=1e-5)
    assert 0 < found.pristine[0, 0, 0, 1] < 1e-15  # not lost beside one
    assert 0 < found.forged[0, 0, 0, 2] < 1e-15


def test_sixteen_nodes_are_enough_up_to_a_deviation_of_two():
    few, many = (uen.expectations(*grid(2.0), uen.gauss_hermite(n)) for n in (16, 128))
    for a, b in zip(few, many, strict=True):
        assert (a - b).abs().max() < 1e-3
    four = uen.expectations(*grid(2.0), uen.gauss_hermite(4))
    assert (four.entropy - many.entropy).abs().max() > 1e-2  # not any number will do


def test_wider_gaussians_need_more_nodes():
    few, more, many = (uen.expectations(*grid(3.2), uen.gauss_hermite(n)) for n in (16, 40, 128))
    assert (few.entropy - many.entropy).abs().max() > (more.entropy - many.entropy).abs().max()
    assert (more.entropy - many.entropy).abs().max() < 1e-3


def test_sampling_agrees_with_quadrature_within_its_own_error():
    """At T = 10,000 each pixel lies within five of its standard errors."""
    mu, variance = (m.double() for m in grid(2.0))
    generator = torch.Generator().manual_seed(3)
    sampled = uen.expectations(mu, variance, uen.monte_carlo(mu, 10_000, generator))
    exact = uen.expectations(mu, variance, uen.gauss_hermite(128))
    places = list(uen.gauss_hermite(128))
    p = torch.stack([(mu + variance.sqrt() * z).sigmoid() for z, _ in places])
    h = -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)) / math.log(2)
    weight = torch.tensor([w for _, w in places]).view(-1, 1, 1, 1, 1)
    for values, found, mean in (
        (h, sampled.entropy, exact.entropy),
        (p, sampled.forged, exact.forged),
    ):
        spread = (weight * (values - mean) ** 2).sum(0).sqrt()
        assert ((found - mean).abs() / (spread / 100)).max() < 5


def test_gradients_are_those_of_the_sum():
    torch.manual_seed(0)
    mu = torch.randn(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    sigma = (torch.rand(1, 1, 2, 3, dtype=torch.float64) + 0.2).requires_grad_()
    draws = [(torch.randn(1, 1, 2, 3, dtype=torch.float64), 0.25) for _ in range(4)]
    assert torch.autograd.gradcheck(lambda m, s: uen._Expectations.apply(m, s, draws), (mu, sigma))


@pytest.mark.parametrize("samples", [1, 50])
def test_nothing_of_a_sample_is_kept(samples):
    """What waits for the backward pass has the size of four maps, whatever T is."""
    mu, variance = (torch.full((1, 1, 8, 8), v).requires_grad_() for v in (0.3, 1.0))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        uen.expectations(mu, variance, uen.monte_carlo(mu, samples))
    assert sum(kept) <= 6 * 64  # four slopes, and the root of the variance


@settings(max_examples=30, deadline=None)
@given(st.floats(-30, 30), st.floats(1e-3, 10))
def test_expectations_are_probabilities(mu, variance):
    found = uen.expectations(pixels(mu), pixels(variance), uen.gauss_hermite(16))
    assert all(-1e-6 <= value.item() <= 1 + 1e-6 for value in found)
    assert found.forged.item() + found.pristine.item() == pytest.approx(1, abs=1e-5)


# Sections 3.2 and 3.4


def test_equation_5_by_hand():
    """The paper's own example: label 1 and prediction 0.4 give 0.6."""
    mu = torch.logit(pixels(0.4, 0.4, 0.9))
    assert uen.error(mu, pixels(1, 0, 0)).flatten().tolist() == pytest.approx([0.6, 0.4, 0.9])
    assert not uen.error(mu.requires_grad_(), pixels(1, 0, 0)).requires_grad


def test_equation_6_by_hand():
    found = uen.uncertainty_loss(pixels(0.6, 0.1), pixels(0.2, 0.1), pixels(0.5, 2.0))
    first = 0.5 * 0.16 / 0.5 + 0.5 * math.log(0.5)
    assert found.item() == pytest.approx((first + 0.5 * math.log(2)) / 2, abs=1e-6)


def test_the_variance_that_equation_6_wants_is_the_squared_error():
    variance = torch.full((1, 1, 1, 1), 0.25, requires_grad=True)
    uen.uncertainty_loss(pixels(0.9), pixels(0.4), variance).backward()
    assert variance.grad.item() == pytest.approx(0, abs=1e-6)


def test_equation_8_by_a_sum_over_the_gaussian():
    """The likelihood of a label, integrated over logits: mean 1, deviation 1.5."""
    z = torch.linspace(-9, 11, 20_001, dtype=torch.float64)
    density = torch.exp(-((z - 1) ** 2) / (2 * 1.5**2)) / (1.5 * math.sqrt(2 * math.pi))
    forged = float((density * z.sigmoid()).sum() * (z[1] - z[0]))
    expected = uen.expectations(pixels(1.0), pixels(1.5**2), uen.gauss_hermite(32))
    for label, likelihood in ((1, forged), (0, 1 - forged)):
        found = uen.likelihood_loss(expected, pixels(label)).item()
        assert found == pytest.approx(-math.log(likelihood), abs=1e-5)


def test_equation_9_by_hand():
    """Two samples of 0.9 and 0.5: a forged pixel costs -log 0.7, a pristine one -log 0.3."""
    draws = [(pixels(z, z), 0.5) for z in (math.log(9), 0.0)]
    expected = uen.expectations(pixels(0, 0), pixels(1, 1), draws)
    by_sum = [-math.log((0.9 + 0.5) / 2), -math.log((0.1 + 0.5) / 2)]
    assert uen.likelihood_loss(expected, pixels(1, 0)).item() == pytest.approx(sum(by_sum) / 2)


def test_losses_stay_finite_at_the_limits():
    mu = pixels(-200, -200, 200, 200).requires_grad_()
    for variance in (uen.LEAST_VARIANCE, uen.MOST_VARIANCE):
        spread = torch.full_like(mu, variance).requires_grad_()
        expected = uen.expectations(mu, spread, uen.gauss_hermite(16))
        label = pixels(0, 1, 0, 1)
        likely = uen.likelihood_loss(expected, label)
        value = likely + uen.uncertainty_loss(uen.error(mu, label), expected.entropy, spread)
        slopes = torch.autograd.grad(value, (mu, spread))
        assert value.isfinite() and all(slope.isfinite().all() for slope in slopes)


def test_a_wrong_and_certain_pixel_still_has_a_gradient():
    mu = pixels(-40.0).requires_grad_()
    expected = uen.expectations(mu, pixels(0.01), uen.gauss_hermite(16))
    uen.likelihood_loss(expected, pixels(1)).backward()
    assert mu.grad.item() == pytest.approx(-1, abs=0.02)


# Section 3.3 and the whole


class Flat(torch.nn.Module):
    """A base whose features are the image's first channels."""

    embed_channels = 2

    def __init__(self) -> None:
        super().__init__()
        self.read = torch.nn.Conv2d(2, 1, 1)

    def embed(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return image[:, :2], {}


def test_equation_7_by_hand():
    """E_f holds E, and E times alpha sigma^2 + beta U^p."""
    model = Model(Config(alpha=0.5, beta=0.25), Flat()).eval()
    seen = []
    model.refine.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    e = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1)
    model.refined(e, pixels(2.0), pixels(0.8))
    assert seen[0].flatten().tolist() == pytest.approx([3, -4, 3 * 1.2, -4 * 1.2])


def example(size: int = 32) -> Batch:
    torch.manual_seed(1)
    mask = torch.zeros(2, 1, size, size, dtype=torch.bool)
    mask[0, :, 4:20, 4:20] = True
    return Batch(torch.rand(2, 3, size, size), mask)


BASES = {
    "vanilla": lambda: Vanilla(width=0.25, embed_channels=16),
    "pscc_net": lambda: pscc_net.Model(pscc_net.Config(size_px=32, width=0.25)),
}


@pytest.fixture(params=BASES)
def base(request):
    torch.manual_seed(0)
    return BASES[request.param]()


def test_a_guided_network(base):
    model = Model(Config(samples=4), base).eval()
    prediction = model(example().image)
    assert prediction.logits.shape == (2, 1, 32, 32) and prediction.score.shape == (2,)
    maps = prediction.maps
    own = {f"logits{scale}" for scale in (2, 3, 4)} if isinstance(base, pscc_net.Model) else set()
    assert set(maps) == {"mu", "variance", "entropy", "forged", "pristine"} | own
    assert (maps["variance"] >= uen.LEAST_VARIANCE).all()
    assert (maps["variance"] <= uen.MOST_VARIANCE).all()
    assert ((maps["entropy"] >= 0) & (maps["entropy"] <= 1 + 1e-6)).all()


@pytest.mark.parametrize("size", [(16, 24), (33, 47), (64, 40)])
def test_images_of_any_size(base, size):
    model = Model(Config(samples=2), base).eval()
    assert model(torch.rand(1, 3, *size)).logits.shape == (1, 1, *size)


@torch.no_grad()
def test_images_resized_to_the_size_of_training():
    """The base sees them at that size, whole; the mask has the image's own."""
    model = Model(Config(samples=2, size_px=32, resized=True), Flat()).eval()
    image = torch.rand(1, 3, 40, 64)
    seen = model.resized(image)
    assert seen.shape == (1, 3, 32, 32)
    assert torch.allclose(seen.mean(), image.mean(), atol=0.01)
    assert model(image).logits.shape == (1, 1, 40, 64)
    assert torch.equal(model(image).maps["mu"], model(seen).maps["mu"])
    assert Model(Config(), Flat()).resized(image) is image


def test_the_same_photo_gets_the_same_answer():
    model = Model(Config(samples=3), Flat())
    image = example().image
    with torch.no_grad():
        assert torch.equal(model.eval()(image).logits, model(image).logits)
        first, second = (model.train()(image).maps["entropy"] for _ in range(2))
    assert not torch.equal(first, second)


@torch.no_grad()
def test_a_photo_s_answer_is_its_own(base):
    """Alone or second of a batch."""
    model, image = Model(Config(samples=3), base).eval(), example().image
    alone, together = model(image[1:]).maps, model(image).maps
    assert all((alone[n][0] - together[n][1]).abs().max() < 1e-4 for n in alone)


@torch.no_grad()
def test_quadrature_needs_no_chance():
    image = example().image
    model = Model(Config(nodes=16), Flat())
    state = torch.get_rng_state()
    learning = model.train()(image).maps
    assert torch.equal(torch.get_rng_state(), state)  # no number was drawn
    assert torch.equal(model.eval()(image).maps["entropy"], learning["entropy"])
    model.config = Config(samples=20_000)
    assert (model(image).maps["entropy"] - learning["entropy"]).abs().max() < 0.03


def test_half_precision_stays_out_of_the_expectations(base):
    model, batch = Model(Config(samples=2), base), example()
    with torch.autocast("cpu", torch.bfloat16):
        prediction = model(batch.image)
        terms = uen.loss(prediction, batch, model.config)
    assert all(m.dtype == torch.float32 for m in prediction.maps.values())
    sum(terms.values()).backward()
    slopes = [p.grad for p in model.parameters() if p.grad is not None]
    assert slopes and all(slope.isfinite().all() for slope in slopes)


@torch.no_grad()
def test_without_uen_pscc_net_is_itself():
    base = BASES["pscc_net"]().eval()
    image = example().image
    found, own = Model(Config(guided=False), base).eval()(image).maps, base(image).maps
    assert torch.allclose(found["mu"], own["logits1"], atol=1e-5)
    assert all(torch.equal(found[f"logits{scale}"], own[f"logits{scale}"]) for scale in (2, 3, 4))


def test_the_terms_of_equation_11():
    batch, terms = example(), {}
    for name, config in (
        ("all", Config(samples=2)),
        ("w/o DUS", Config(samples=2, supervised=False)),
        ("w/o UPR", Config(samples=2, refining=False)),
        ("w/o UEN", Config(guided=False)),
    ):
        model = Model(config, Flat()).eval()
        prediction = model(batch.image)
        terms[name] = set(uen.loss(prediction, batch, config))
        coarse = torch.equal(prediction.logits, prediction.maps["mu"])
        assert coarse == (not config.refining or not config.guided)
    assert terms == {
        "all": {"mu", "g", "u", "r"},
        "w/o DUS": {"mu", "g", "r"},
        "w/o UPR": {"mu", "g", "u"},
        "w/o UEN": {"mu"},
    }


def test_equation_10_by_hand():
    batch = Batch(torch.rand(1, 3, 1, 2), torch.tensor([[[[True, False]]]]))
    maps = {"mu": torch.logit(pixels(0.4, 0.4))}
    prediction = uen.Prediction(torch.logit(pixels(0.8, 0.1)), torch.zeros(1), maps)
    terms = uen.loss(prediction, batch, Config(guided=False))
    assert terms["mu"].item() == pytest.approx(-(math.log(0.4) + math.log(0.6)) / 2)
    ones = {name: pixels(0.5, 0.5) for name in ("variance", *uen.Expectations._fields)}
    prediction.maps |= ones
    refined = uen.loss(prediction, batch, Config())["r"]
    assert refined.item() == pytest.approx(-(math.log(0.8) + math.log(0.9)) / 2)


def test_equation_11_by_hand():
    """mu .4 and refined .8 and .1, as above; variance, entropy and both probabilities one half."""
    batch = Batch(torch.rand(1, 3, 1, 2), torch.tensor([[[[True, False]]]]))
    halves = {name: pixels(0.5, 0.5) for name in ("variance", *uen.Expectations._fields)}
    maps = {"mu": torch.logit(pixels(0.4, 0.4)), **halves}
    prediction = uen.Prediction(torch.logit(pixels(0.8, 0.1)), torch.zeros(1), maps)
    coarse = -(math.log(0.4) + math.log(0.6)) / 2
    refined = -(math.log(0.8) + math.log(0.9)) / 2
    # U^GT is .6 and .4, each .1 from U^p
    uncertain = 0.5 * 0.1**2 / 0.5 + 0.5 * math.log(0.5)
    total = sum(uen.loss(prediction, batch).values()).item()
    assert total == pytest.approx(coarse + refined + uncertain + math.log(2), abs=1e-6)


def test_losses_are_taken_at_the_mask_s_size():
    """A feature map of a quarter of the size gives the loss of its enlargement."""
    torch.manual_seed(0)
    batch = example(16)
    mu = torch.randn(2, 1, 4, 4)
    prediction = uen.Prediction(torch.zeros(2, 1, 16, 16), torch.zeros(2), {"mu": mu})
    large = torch.nn.functional.interpolate(mu, (16, 16), mode="bilinear", align_corners=True)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(large, batch.mask.float())
    assert torch.equal(uen.loss(prediction, batch, Config(guided=False))["mu"], expected)


def test_every_weight_of_the_vanilla_network_is_trained():
    model = Model(Config(samples=2), BASES["vanilla"]())
    batch = example()
    sum(uen.loss(model(batch.image), batch, model.config).values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_every_weight_of_pscc_net_but_its_head_s_is_trained():
    loss = jobs.STAGES["uen.pscc_net"].loss({"samples": 2, "width": 0.25})
    model = Model(Config(samples=2), BASES["pscc_net"]())
    batch = example()
    terms = loss(model(batch.image), batch)
    assert set(terms) == {"mu", "g", "u", "r", "mask2", "mask3", "mask4"}
    sum(terms.values()).backward()
    still = {n for n, p in model.named_parameters() if p.grad is None}
    assert still == {n for n, _ in model.named_parameters() if n.startswith("base.head.")}


def test_srm_and_high_pass_see_no_plain_colour():
    vanilla = BASES["vanilla"]().eval()
    grey, seen = torch.full((1, 3, 32, 32), 0.5), []
    vanilla.srm.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    vanilla.resampling.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    vanilla.embed(grey)
    assert all(x[..., 4:-4, 4:-4].abs().max() < 1e-6 for x in seen) and len(seen) == 2
    vanilla.embed(torch.rand(1, 3, 32, 32))
    assert all(x.abs().max() > 0.1 for x in seen[2:])


def test_no_samples():
    with pytest.raises(RegistryError) as caught:
        Config(samples=0)
    assert str(caught.value) == (
        "UEN's samples are 0 and its nodes 0. Expected at least one sample, and no nodes or more."
    )
