import inspect
import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from imdl_lib import manipulations as m
from imdl_lib.errors import RegistryError, ShapeError

LEAVES = {name: [o.leaf for o in m.OPERATIONS if o.operation == name] for name in m.class_names(1)}
NOISES = {"GaussianNoise", "ImpulseNoise", "PoissonNoise", "UniformNoise"}
DISTORTIONS = {
    "jpeg": lambda image: m.jpeg(image, 70),
    "webp": lambda image: m.webp(image, 70),
    "resize": lambda image: m.resize(image, 0.5),
    "gaussian_blur": lambda image: m.gaussian_blur(image, 5),
    "gaussian_noise": lambda image: m.gaussian_noise(image, 5, np.random.default_rng(0)),
    "correlated_noise": lambda image: m.correlated_noise(image, 5, 2, np.random.default_rng(0)),
    "stylise": m.stylise,
}


@pytest.fixture(scope="module")
def patch() -> np.ndarray:
    """A textured colour patch that leaves room at both ends of the grey scale."""
    crop = data.astronaut()[100:196, 150:246]
    return (crop * (200 / 255) + 25).astype(np.uint8)


def flat(level: int, side: int = 128) -> np.ndarray:
    return np.full((side, side, 3), level, np.uint8)


def apply(patch: np.ndarray, operation: str, index: int, seed: int = 0) -> np.ndarray:
    return m.manipulate(patch, LEAVES[operation][index], np.random.default_rng(seed))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.astype(float) - b).mean() ** 0.5)


def unchecked(function: Callable) -> Callable:
    """The function without the type checks of the test run, as a user calls it."""
    return inspect.unwrap(function)


def message(text: str) -> str:
    return f"^{re.escape(text)}$"


# Hierarchy


def test_levels_have_the_papers_sizes() -> None:
    assert m.CLASSES == (7, 25, 49, 96, 185, 385)
    assert m.HIERARCHY.shape == (6, 385) and m.HIERARCHY.dtype == np.int64
    for ids, count in zip(m.HIERARCHY, m.CLASSES, strict=True):
        assert set(ids.tolist()) == set(range(count))


def test_each_class_lies_within_one_class_of_the_level_above() -> None:
    for coarse, fine in zip(m.HIERARCHY, m.HIERARCHY[1:], strict=False):
        parents = [set(coarse[fine == class_id].tolist()) for class_id in range(fine.max() + 1)]
        assert all(len(parent) == 1 for parent in parents)


def test_leaves_are_numbered_in_order() -> None:
    assert [o.leaf for o in m.OPERATIONS] == m.HIERARCHY[5].tolist() == list(range(385))


def test_hierarchy_cannot_be_changed_by_a_caller() -> None:
    with pytest.raises(ValueError, match="read-only"):
        m.HIERARCHY[0, 0] = 3


def test_five_leaves_are_undocumented() -> None:
    invented = [(o.operation, o.parameter) for o in m.OPERATIONS if not o.documented]
    wavelets = [("WaveletDenoise", f"strength={t}") for t in (11, 13, 15, 17)]
    assert invented == [*wavelets, ("HistEq", "C=0")]


def test_four_double_jpeg_classes_are_two() -> None:
    firsts = {
        name: sorted({m.OPERATIONS[leaf].settings["Q1"] for leaf in leaves})
        for name, leaves in LEAVES.items()
        if name.startswith("JPEGDouble")
    }
    assert firsts == {"JPEGDouble-lowQ1": [36, 44, 53, 61], "JPEGDouble-highQ1": [70, 78, 87, 95]}
    pairs = [m.OPERATIONS[leaf].settings for name in firsts for leaf in LEAVES[name]]
    assert len({(p["Q1"], p["Q2"]) for p in pairs}) == 64


def test_three_classes_are_not_split_at_level_four() -> None:
    """Other classes of eight leaves or more are split at every level from 3 to 4."""
    kept = set()
    for name, leaves in LEAVES.items():
        at_3, at_4 = (len(set(m.HIERARCHY[level, leaves].tolist())) for level in (3, 4))
        if at_3 == at_4 and len(leaves) > 1:
            kept.add(name)
    assert kept == {"Quantization", "AutoContrast", "HistEq"}


@pytest.mark.parametrize("level", range(6))
def test_class_names_are_different(level: int) -> None:
    assert len(set(m.class_names(level))) == m.CLASSES[level]


def test_class_names_tell_family_operation_and_range() -> None:
    assert m.class_names(0)[4] == "additive noise"
    assert m.class_names(1)[9] == "JPEGCompress"
    assert m.class_names(2)[20] == "JPEGDouble-lowQ1 Q1=44 Q2=40..100"
    assert m.class_names(4)[180] == "Dithering"
    assert m.class_names(5)[52] == "WaveletDenoise strength=11"


def test_settings_are_numbers() -> None:
    assert m.OPERATIONS[0].settings == {"k": 3}
    assert m.OPERATIONS[56].settings == {"scale": 0.15}
    assert m.OPERATIONS[368].settings == {}
    assert m.OPERATIONS[370].settings == {"cutoff": 1}


@pytest.mark.parametrize("level", [-1, 6])
def test_unknown_level(level: int) -> None:
    text = f"There is no hierarchy level {level}. Expected 0 (7 families) to 5 (385 leaves)."
    with pytest.raises(RegistryError, match=message(text)):
        m.class_names(level)


# All 385 operations


@pytest.mark.parametrize("operation", LEAVES)
def test_every_leaf_changes_a_patch_and_keeps_its_form(operation: str, patch: np.ndarray) -> None:
    for leaf in LEAVES[operation]:
        before = patch.copy()
        after = m.manipulate(patch, leaf, np.random.default_rng(1))
        assert after.shape == patch.shape and after.dtype == np.uint8
        assert after.flags.writeable and after.flags.c_contiguous
        assert difference(after, patch) > 0.1
        np.testing.assert_array_equal(patch, before)


@pytest.mark.parametrize("operation", LEAVES)
def test_leaves_of_an_operation_differ(operation: str, patch: np.ndarray) -> None:
    results = {apply(patch, operation, i).tobytes() for i in range(len(LEAVES[operation]))}
    assert len(results) == len(LEAVES[operation])


@pytest.mark.parametrize("operation", LEAVES)
def test_same_seed_same_result_and_only_noise_draws(operation: str, patch: np.ndarray) -> None:
    first, again, other = (apply(patch, operation, 0, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (operation not in NOISES)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 5), (33, 40)])
def test_any_size_is_kept(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    patch = rng.integers(0, 256, (*size, 3), np.uint8)
    for leaf in range(385):
        after = m.manipulate(patch, leaf, rng)
        assert after.shape == patch.shape and after.dtype == np.uint8


@settings(max_examples=60, deadline=None)
@given(leaf=st.integers(0, 384), level=st.integers(0, 255), seed=st.integers(0, 99))
def test_a_flat_patch_stays_flat_but_for_noise_and_contrast(
    leaf: int, level: int, seed: int
) -> None:
    """What has no texture carries no trace: why ManTra-Net rejects homogeneous patches."""
    operation = m.OPERATIONS[leaf]
    after = m.manipulate(flat(level, 24), leaf, np.random.default_rng(seed))
    if operation.family not in ("additive noise", "contrast", "quantization"):
        assert np.ptp(after) <= 3 and abs(float(after.mean()) - level) <= 3


@pytest.mark.parametrize("leaf", [-1, 385])
def test_unknown_leaf(leaf: int, patch: np.ndarray) -> None:
    text = f"There is no operation {leaf}. Expected a leaf from 0 to 384. OPERATIONS lists them."
    with pytest.raises(RegistryError, match=message(text)):
        m.manipulate(patch, leaf, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32 (4, 4, 3)"),
        (np.zeros((4, 4), np.uint8), "uint8 (4, 4)"),
        (np.zeros((4, 4, 4), np.uint8), "uint8 (4, 4, 4)"),
        (np.zeros((0, 4, 3), np.uint8), "uint8 (0, 4, 3)"),
    ],
)
@pytest.mark.parametrize("name", ["manipulate", *DISTORTIONS, "blur_edges"])
def test_wrong_image(name: str, image: np.ndarray, what: str) -> None:
    rng = np.random.default_rng(0)
    calls = {
        "manipulate": lambda: unchecked(m.manipulate)(image, 0, rng),
        "jpeg": lambda: unchecked(m._coded)(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 70),
        "webp": lambda: unchecked(m._coded)(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, 70),
        "resize": lambda: unchecked(m.resize)(image, 0.5),
        "gaussian_blur": lambda: unchecked(m.gaussian_blur)(image, 5),
        "gaussian_noise": lambda: unchecked(m.gaussian_noise)(image, 5.0, rng),
        "blur_edges": lambda: unchecked(m.gaussian_blur)(image, 5),
        "correlated_noise": lambda: unchecked(m.correlated_noise)(image, 5.0, 2.0, rng),
        "stylise": lambda: unchecked(m.stylise)(image),
    }
    text = f"An image is {what}. Expected uint8 (H, W, 3) with at least one pixel: RGB, 0 to 255."
    with pytest.raises(ShapeError, match=message(text)):
        calls[name]()


# What the families mean


@pytest.mark.parametrize("operation", ["BoxBlur", "GaussianBlur", "MedianBlur", "WaveletDenoise"])
def test_blurs_smooth_more_with_their_parameter(operation: str, patch: np.ndarray) -> None:
    blurred = [apply(patch, operation, i) for i in (0, 3, 7)]
    detail = [cv2.Laplacian(image, cv2.CV_32F).std() for image in (patch, *blurred)]
    assert detail == sorted(detail, reverse=True)
    np.testing.assert_allclose(
        np.mean(blurred, (1, 2)), patch.mean((0, 1))[None].repeat(3, 0), atol=4
    )


def test_box_blur_is_the_mean_of_its_window(patch: np.ndarray) -> None:
    window = patch[10:17, 20:27].astype(float).mean((0, 1))
    np.testing.assert_allclose(apply(patch, "BoxBlur", 2)[13, 23], window, atol=0.51)


def test_median_blur_is_the_median_of_its_window(patch: np.ndarray) -> None:
    window = np.median(patch[10:19, 20:29], (0, 1))
    np.testing.assert_array_equal(apply(patch, "MedianBlur", 3)[14, 24], window)


def test_wavelet_denoising_removes_weak_detail_and_lowers_strong() -> None:
    weak = m.gaussian_noise(flat(128), 3, np.random.default_rng(0))
    assert apply(weak, "WaveletDenoise", 3).std() < 0.5 * weak.std()
    dot = flat(100, 64)
    dot[32, 32] = 255
    detail = [cv2.Laplacian(apply(dot, "WaveletDenoise", i), cv2.CV_32F).std() for i in (0, 3, 7)]
    # A soft threshold takes t from every coefficient; a hard one would leave these as they are.
    assert detail[0] > 1.04 * detail[1] and detail[1] > 1.04 * detail[2]


@pytest.mark.parametrize("kind", ["AREA", "CUBIC", "LANCZOS4", "LINEAR", "NEAREST"])
def test_only_cubic_and_lanczos_resizing_overshoot(kind: str) -> None:
    step = flat(50, 40)
    step[:, 21:] = 200
    after = apply(step, f"{kind}Resize", 12)
    overshoots = after.min() < 50 and after.max() > 200
    assert overshoots == (kind in ("CUBIC", "LANCZOS4"))
    assert (set(np.unique(after).tolist()) == {50, 200}) == (kind == "NEAREST")


@pytest.mark.parametrize("kind", ["AREA", "CUBIC", "LANCZOS4", "LINEAR", "NEAREST"])
def test_mild_resizing_is_nearer_to_the_original(kind: str, patch: np.ndarray) -> None:
    strong, middle, mild = (
        difference(apply(patch, f"{kind}Resize", index), patch) for index in (0, 7, 15)
    )
    assert strong > middle > mild


@pytest.mark.parametrize("operation", ["JPEGCompress", "WEBPCompress"])
def test_higher_quality_is_nearer_to_the_original(operation: str, patch: np.ndarray) -> None:
    errors = [difference(apply(patch, operation, index), patch) for index in (0, 8, 15)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(("first", "second"), [(53, 82), (87, 57)])
def test_double_jpeg_is_one_after_the_other(first: int, second: int, patch: np.ndarray) -> None:
    leaf = next(o.leaf for o in m.OPERATIONS if o.settings == {"Q1": first, "Q2": second})
    after = m.manipulate(patch, leaf, np.random.default_rng(0))
    np.testing.assert_array_equal(after, m.jpeg(m.jpeg(patch, first), second))
    assert not np.array_equal(after, m.jpeg(patch, second))


@pytest.mark.parametrize("index", [0, 4, 8])  # 2, 10 and 19 px
def test_morphology_is_ordered_and_opening_twice_changes_no_more(
    index: int, patch: np.ndarray
) -> None:
    erode, opened, closed, dilate = (
        apply(patch, name, index) for name in ("Erode", "Open", "Close", "Dilate")
    )
    assert (erode <= opened).all() and (opened <= patch).all()
    assert (patch <= closed).all() and (closed <= dilate).all()
    np.testing.assert_array_equal(apply(opened, "Open", index), opened)
    np.testing.assert_array_equal(apply(closed, "Close", index), closed)


def test_dilation_takes_the_largest_of_a_square() -> None:
    dot = flat(0, 31)
    dot[15, 15] = 255
    grown = m.manipulate(dot, LEAVES["Dilate"][1], np.random.default_rng(0))
    assert (grown[..., 0] > 0).sum() == 16


def test_gaussian_noise_has_its_deviation() -> None:
    for index, sigma in ((0, 3), (9, 22)):
        noise = apply(flat(128), "GaussianNoise", index).astype(float) - 128
        assert noise.std() == pytest.approx(sigma, rel=0.03)
        assert abs(noise.mean()) < 0.5


def test_impulse_noise_hits_its_share_of_pixels() -> None:
    noisy = apply(flat(128), "ImpulseNoise", 8)
    black, white = (noisy == 0).all(2).mean(), (noisy == 255).all(2).mean()
    assert black == pytest.approx(0.1, abs=0.01) and white == pytest.approx(0.1, abs=0.01)
    assert black + white + (noisy == 128).all(2).mean() == 1


@pytest.mark.parametrize("level", [64, 200])
def test_poisson_noise_grows_with_the_root_of_the_level(level: int) -> None:
    noisy = apply(flat(level), "PoissonNoise", 5)
    assert noisy.std() == pytest.approx(13 * (level / 255) ** 0.5, rel=0.05)
    assert noisy.mean() == pytest.approx(level, abs=0.5)


def test_uniform_noise_fills_its_half_range() -> None:
    noise = apply(flat(128), "UniformNoise", 3).astype(int) - 128
    values, counts = np.unique(noise, return_counts=True)
    assert values.tolist() == list(range(-9, 10))
    assert counts.min() > 0.9 * counts.max()


def test_noise_is_independent_between_colours() -> None:
    for name in ("GaussianNoise", "PoissonNoise", "UniformNoise"):
        colours = apply(flat(128), name, 4).reshape(-1, 3).T
        assert abs(np.corrcoef(colours)[0, 1]) < 0.05


def colours_in(image: np.ndarray) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def test_palettes_have_that_many_colours(patch: np.ndarray) -> None:
    for index, colours in enumerate((50, 75, 100, 125, 150, 175, 200, 225)):
        assert 0.9 * colours <= colours_in(apply(patch, "Quantization", index)) <= colours


def test_a_grid_of_pixels_makes_as_good_a_palette(monkeypatch: pytest.MonkeyPatch) -> None:
    image = data.astronaut()[:256, 100:356]
    from_grid = difference(apply(image, "Quantization", 4), image)
    monkeypatch.setattr(m, "PALETTE_PIXELS", image[..., 0].size)
    assert from_grid < 1.1 * difference(apply(image, "Quantization", 4), image)


def test_dithering_uses_web_colours_and_keeps_the_mean(patch: np.ndarray) -> None:
    dithered = apply(patch, "Dithering", 0)
    assert set(np.unique(dithered).tolist()) <= {0, 51, 102, 153, 204, 255}
    np.testing.assert_allclose(dithered.mean((0, 1)), patch.mean((0, 1)), atol=2)


def test_auto_contrast_stretches_to_the_whole_range(patch: np.ndarray) -> None:
    whole = apply(patch, "AutoContrast", 0)
    assert (whole.min((0, 1)) == 0).all() and (whole.max((0, 1)) == 255).all()
    cut = apply(patch, "AutoContrast", 7)
    assert ((cut == 0) | (cut == 255)).mean() == pytest.approx(0.14, abs=0.02)


def test_auto_contrast_without_cutoff_keeps_a_full_range() -> None:
    """The one operation that may change nothing at all."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    np.testing.assert_array_equal(apply(ramp, "AutoContrast", 0), ramp)


def luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., 0]


def test_equalisation_over_the_patch_makes_luma_uniform() -> None:
    dull = np.random.default_rng(0).normal(100, 20, (128, 128, 1)).astype(np.uint8).repeat(3, 2)
    equal = luma(apply(dull, "HistEq", 0))
    assert equal.std() == pytest.approx(255 / 12**0.5, rel=0.03)
    one_to_one = {(int(a), int(b)) for a, b in zip(dull[..., 0].flat, equal.flat, strict=True)}
    assert len(one_to_one) == len(np.unique(dull))  # one curve for the whole patch


@pytest.mark.parametrize("side", [64, 96])
def test_a_higher_clip_limit_adds_contrast(side: int, patch: np.ndarray) -> None:
    """Also in small patches, because tiles have a size in pixels."""
    dull = patch[:side, :side] // 4 + 96
    detail = [luma(apply(dull, "HistEq", i)).astype(float).std() for i in range(1, 8)]
    assert detail == sorted(detail) and luma(dull).std() < detail[0] < detail[-1]


# Distortions


@pytest.mark.parametrize("name", DISTORTIONS)
def test_distortions_leave_their_argument_alone(name: str, patch: np.ndarray) -> None:
    before = patch.copy()
    after = DISTORTIONS[name](patch)
    np.testing.assert_array_equal(patch, before)
    assert after.shape != patch.shape or difference(after, patch) > 0.1
    np.testing.assert_array_equal(after, DISTORTIONS[name](patch))


@pytest.mark.parametrize("coder", [m.jpeg, m.webp])
def test_coding_at_full_quality_is_nearly_the_identity(coder: Callable, patch: np.ndarray) -> None:
    assert difference(coder(patch, 100), patch) < 6


@pytest.mark.parametrize("coder", [m.jpeg, m.webp])
def test_coding_keeps_red_red(coder: Callable) -> None:
    red = flat(0, 32)
    red[..., 0] = 250
    np.testing.assert_allclose(coder(red, 90).mean((0, 1)), [250, 0, 0], atol=5)


@pytest.mark.parametrize("quality", [0, 101])
@pytest.mark.parametrize("coder", [m.jpeg, m.webp])
def test_quality_out_of_range(coder: Callable, quality: int, patch: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=message(f"quality is {quality}. Expected 1 to 100.")):
        coder(patch, quality)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), scale=st.floats(0.05, 2))
def test_resize_scales_both_sides(height: int, width: int, scale: float) -> None:
    small = m.resize(np.zeros((height, width, 3), np.uint8), scale)
    assert small.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)


def test_resize_with_a_wrong_argument(patch: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=message("scale is 0.0. Expected a factor above 0.")):
        m.resize(patch, 0.0)
    text = (
        "There is no interpolation 'bilinear'. "
        "Expected one of area, cubic, lanczos4, linear, nearest."
    )
    with pytest.raises(RegistryError, match=message(text)):
        m.resize(patch, 0.5, "bilinear")


def test_gaussian_blur_has_its_sigma() -> None:
    dot, sigma = flat(0, 31), 0.3 * (7 - 1) + 0.8
    dot[15, 15] = 255
    profile = np.exp(-(np.arange(-7, 8) ** 2) / (2 * sigma**2))
    expected = 255 * np.outer(profile, profile) / profile.sum() ** 2
    blurred = m.gaussian_blur(dot, 15)
    np.testing.assert_allclose(blurred[8:23, 8:23, 0], expected, atol=0.8)
    assert not blurred[:8].any() and not blurred[:, 23:].any()


def test_smallest_gaussian_kernel_is_binomial() -> None:
    dot = flat(0, 3)
    dot[1, 1] = 160
    np.testing.assert_array_equal(
        m.gaussian_blur(np.pad(dot, ((2, 2), (2, 2), (0, 0))), 3)[2:5, 2:5, 0],
        [[10, 20, 10], [20, 40, 20], [10, 20, 10]],
    )


@pytest.mark.parametrize("kernel_px", [0, 4, -3])
def test_kernel_must_be_odd(kernel_px: int, patch: np.ndarray) -> None:
    text = f"kernel_px is {kernel_px}. Expected an odd number above 0."
    with pytest.raises(ShapeError, match=message(text)):
        m.gaussian_blur(patch, kernel_px)


def test_negative_noise(patch: np.ndarray) -> None:
    rng, text = np.random.default_rng(0), message("sigma_levels is -1.0. Expected 0 or more.")
    with pytest.raises(ShapeError, match=text):
        m.gaussian_noise(patch, -1.0, rng)
    with pytest.raises(ShapeError, match=text):
        m.correlated_noise(patch, -1.0, 2.0, rng)
    text = message("correlation_px is 0.0. Expected a length above 0.")
    with pytest.raises(ShapeError, match=text):
        m.correlated_noise(patch, 1.0, 0.0, rng)


def test_edges_are_blurred_only_near_the_mask_border(patch: np.ndarray) -> None:
    mask = np.zeros(patch.shape[:2], bool)
    mask[30:60, 30:60] = True
    inner, outer = np.zeros_like(mask), np.zeros_like(mask)
    inner[32:58, 32:58] = outer[28:62, 28:62] = True
    band = outer & ~inner
    after = m.blur_edges(patch, mask, 5)
    np.testing.assert_array_equal(after[~band], patch[~band])
    np.testing.assert_array_equal(after[band], m.gaussian_blur(patch, 5)[band])


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_without_border_blurs_nothing(value: bool, patch: np.ndarray) -> None:
    mask = np.full(patch.shape[:2], value)
    np.testing.assert_array_equal(m.blur_edges(patch, mask, 7), patch)


@pytest.mark.parametrize("mask", [np.zeros((96, 96), np.uint8), np.zeros((96, 95), bool)])
def test_wrong_mask(mask: np.ndarray, patch: np.ndarray) -> None:
    text = (
        f"A mask is {mask.dtype} {mask.shape} but its image is (96, 96, 3). "
        "Expected bool (96, 96), True = manipulated."
    )
    with pytest.raises(ShapeError, match=message(text)):
        unchecked(m.blur_edges)(patch, mask, 5)


@pytest.mark.parametrize("correlation_px", [1.5, 4])
def test_correlated_noise_has_its_deviation_and_reach(correlation_px: float) -> None:
    """Smoothing by a Gaussian of deviation s leaves a correlation of exp(-d^2 / 4 s^2)."""
    noisy = m.correlated_noise(flat(128, 384), 12, correlation_px, np.random.default_rng(3))
    noise = noisy[..., 0].astype(float) - 128
    assert noise.std() == pytest.approx(12, rel=0.1)
    lag = max(1, round(correlation_px))
    correlation = (noise[:, lag:] * noise[:, :-lag]).mean() / noise.var()
    assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * correlation_px**2)), abs=0.06)
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])


def test_stylise_regenerates_nearly_every_pixel(patch: np.ndarray) -> None:
    after = m.stylise(patch)
    assert (after != patch).any(2).mean() > 0.9
    assert np.corrcoef(after.ravel(), patch.ravel())[0, 1] > 0.7  # still the same picture
