"""Reading real sets: what a sample holds, and what the check finds."""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imdl_lib import datasets
from imdl_lib.errors import DataError, RegistryError

REAL_ROOT = os.environ.get("IMDL_DATA", "")


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("IMDL_DATA", str(tmp_path))
    return tmp_path


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photo(height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def mask(height: int = 24, width: int = 32) -> np.ndarray:
    """The left quarter is manipulated, in white."""
    marked = np.zeros((height, width), np.uint8)
    marked[:, : width // 4] = 255
    return marked


def casia1(root: Path, name: str, pixels: np.ndarray) -> None:
    save(root / f"casia1/images/{name}.jpg", photo())
    save(root / f"casia1/masks/{name}.png", pixels)


def test_samples_of_casia1(root):
    casia1(root, "Sp_D_a", mask())
    save(root / "casia1/authentic/Au_1.JPG", photo())
    forged, authentic = datasets.open_set("casia1")
    assert (forged.name, forged.kind) == ("Sp_D_a", "splice")
    assert forged.image_u8.shape == (24, 32, 3)
    assert np.array_equal(forged.mask, mask() > 0)
    assert (authentic.name, authentic.kind, authentic.mask) == ("Au_1", "authentic", None)


def test_the_forged_images_alone(root):
    for name in ("Sp_S_b", "Sp_D_a"):
        casia1(root, name, mask())
    save(root / "casia1/authentic/Au_1.jpg", photo())
    assert [sample.name for sample in datasets.open_set("casia1/forged")] == ["Sp_D_a", "Sp_S_b"]
    assert datasets.needs("casia1/forged") == datasets.needs("casia1")


def test_samples_are_read_when_asked_for(root):
    casia1(root, "Sp_D_a", mask())
    casia1(root, "Sp_D_b", mask())
    (root / "casia1/images/Sp_D_a.jpg").write_bytes(b"")
    found = datasets.open_set("casia1")
    assert len(found) == 2
    assert found[1].name == "Sp_D_b"
    with pytest.raises(DataError, match=r"Sp_D_a\.jpg is empty"):
        found[0]


def test_columbia_s_green_side_is_the_spliced_one(root):
    save(root / "columbia/4cam_splc/a.tif", photo())
    colour = np.zeros((24, 32, 3), np.uint8)
    colour[..., 0] = 200
    colour[:, :8] = (0, 200, 0)
    save(root / "columbia/4cam_splc/edgemask/a_edgemask.jpg", colour)
    marked = datasets.open_set("columbia")[0].mask
    assert marked[:, :8].all() and not marked[:, 8:].any()


def test_nist16_s_black_is_manipulated(root):
    save(root / "nist16/probe/1.jpg", photo())
    save(root / "nist16/mask/1.png", 255 - mask())
    listing = root / "nist16/reference/manipulation/NC2016-manipulation-ref.csv"
    listing.parent.mkdir(parents=True)
    kinds = [f"IsManipulationType{kind}" for kind in ("Removal", "Splice", "CopyClone")]
    columns = ["ProbeFileName", "ProbeMaskFileName", "IsTarget", *kinds]
    rows = ["|".join(columns), "probe/1.jpg|mask/1.png|Y|N|Y|N"]
    listing.write_text("\n".join(rows))
    assert np.array_equal(datasets.open_set("nist16")[0].mask, mask() > 0)
    listing.write_text("TaskID\n1\n")
    assert not datasets.available("nist16")


def test_pairs_that_do_not_fit_are_left_out(root):
    for name, size in {"1": (24, 32), "2": (24, 31)}.items():
        save(root / f"defacto/copymove_img/img/{name}.tif", photo())
        save(root / f"defacto/copymove_annotations/probe_mask/{name}.jpg", mask(*size))
    assert [sample.name for sample in datasets.open_set("defacto")] == ["copymove/1"]
    for name in ("00030_fake", "other"):
        save(root / f"imd2020/z14/{name}.jpg", photo())
        save(root / f"imd2020/z14/{name}_mask.png", mask())
    assert [sample.name for sample in datasets.open_set("imd2020")] == ["z14/other"]


def turned(path: Path, pixels: np.ndarray) -> None:
    """Save a photo as a camera does that was held on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)


def test_a_mask_fits_its_photo_as_it_is_read(root):
    """The photo is stored with 32 x 24 px, and 24 x 32 px upright; one bad pair is one line."""
    for name, upright in {"fits": True, "stored": False}.items():
        turned(root / f"imd2020/z1/{name}.jpg", photo())
        save(root / f"imd2020/z1/{name}_mask.png", mask(32, 24) if upright else mask())
    (sample,) = datasets.open_set("imd2020")
    assert (sample.name, sample.image_u8.shape) == ("z1/fits", (32, 24, 3))
    assert np.array_equal(sample.mask, mask(32, 24) > 0)
    assert [line for line in datasets.check("imd2020", progress=False) if "z1" in line] == [
        "Mask of `imd2020/z1/stored` is 32x24 but its image is 24x32. "
        "Masks must match their image. Check the file."
    ]


def test_companions_of_macos_belong_to_no_set(root):
    casia1(root, "Sp_D_a", mask())
    for name in ("images/._Sp_D_a.jpg", "masks/._Sp_D_a.png", "authentic/._x.jpg"):
        (root / "casia1" / name).parent.mkdir(exist_ok=True)
        (root / "casia1" / name).write_bytes(b"\0\5\26\7")
    assert [sample.name for sample in datasets.open_set("casia1")] == ["Sp_D_a"]


def defacto(root: Path, count: int) -> datasets.RealSet:
    for number in range(count):
        save(root / f"defacto/copymove_img/img/{number:02d}.tif", photo())
        save(root / f"defacto/copymove_annotations/probe_mask/{number:02d}.png", mask())
    return datasets.open_set("defacto")


def test_what_cannot_be_read_is_said_and_left_out(root, capsys):
    found = defacto(root, 20)
    bad = root / "defacto/copymove_img/img/07.tif"
    bad.write_bytes(b"no photo")
    names = [sample.name[-2:] for sample in datasets.readable(found, range(20))]
    assert names == [f"{number:02d}" for number in range(20) if number != 7]
    assert capsys.readouterr().out == (
        f"defacto/copymove/07 is left out: {bad} is not an image that can be read. "
        "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these.\n"
    )


def test_a_set_of_which_more_than_a_twentieth_cannot_be_read_is_not_scored(root):
    found = defacto(root, 19)
    (root / "defacto/copymove_img/img/07.tif").write_bytes(b"no photo")
    with pytest.raises(DataError, match="is not an image that can be read"):
        list(datasets.readable(found, range(19)))


def test_of_a_set_that_can_be_fetched_again_nothing_is_left_out(root):
    for number in range(30):
        casia1(root, f"Sp_D_{number}", mask())
    (root / "casia1/images/Sp_D_7.jpg").write_bytes(b"no photo")
    found = datasets.open_set("casia1")
    with pytest.raises(DataError, match="is not an image that can be read"):
        list(datasets.readable(found, range(30)))


def test_a_set_without_masks(root):
    save(root / "psbattles/photoshops/a/b.png", photo())
    sample = datasets.open_set("psbattles")[0]
    assert (sample.kind, sample.mask) == ("compound", None)


def test_mask_of_another_size(root):
    casia1(root, "Sp_D_a", mask(32, 24))
    with pytest.raises(DataError) as caught:
        datasets.open_set("casia1")[0]
    assert str(caught.value) == (
        "Mask of `casia1/Sp_D_a` is 24x32 but its image is 32x24. Masks must match their image. "
        "Check the file."
    )


def coverage(root: Path, number: int, pixels: np.ndarray) -> np.ndarray:
    """The mask that is read of a pair whose image has 24 x 32 pixels."""
    save(root / f"coverage/image/{number}t.tif", photo())
    save(root / f"coverage/mask/{number}forged.tif", pixels)
    (entry,) = (e for e in datasets.open_set("coverage").entries if e.name == f"{number}t")
    return datasets.RealSet(datasets.SPECS["coverage"], (entry,))[0].mask


@pytest.mark.parametrize(
    ("number", "x", "y"), [(41, 0, 0), (48, 0, 150), (59, 0, 70), (61, 150, 0)]
)
def test_mask_that_is_cut_as_its_image_was(root, number, x, y):
    large = np.random.default_rng(1).integers(0, 2, (24 + 150, 32 + 150), np.uint8) * 255
    wanted = large[y : y + 24, x : x + 32] > 0
    assert np.array_equal(coverage(root, number, large), wanted)
    assert np.array_equal(coverage(root, number, wanted * np.uint8(255)), wanted)  # cut already


def test_mask_that_is_resized_as_its_image_was(root):
    twice = mask().repeat(2, 0).repeat(2, 1)
    assert np.array_equal(coverage(root, 55, twice), mask() > 0)


def test_mask_that_is_too_small_to_be_cut(root):
    with pytest.raises(DataError, match=r"^Mask of `coverage/48t` is 32x0 but its image is 32x24"):
        coverage(root, 48, mask(100, 40))


def test_mask_in_colour(root):
    red = np.zeros((24, 32, 3), np.uint8)
    red[..., 0] = mask()
    casia1(root, "Sp_D_a", red)
    with pytest.raises(DataError) as caught:
        datasets.open_set("casia1")[0]
    assert str(caught.value) == (
        "Mask of `casia1/Sp_D_a` is in colour: its channels differ by 64 on average. "
        "Expected black and white, white = manipulated. "
        "Check the file."
    )


def test_check_lists_what_is_wrong(root, monkeypatch):
    monkeypatch.setitem(
        datasets.SPECS, "casia1", replace(datasets.SPECS["casia1"], forged=6, authentic=2)
    )
    casia1(root, "Sp_D_good", mask())
    casia1(root, "Sp_D_empty", np.zeros((24, 32), np.uint8))
    casia1(root, "Sp_D_turned", mask(32, 24))
    casia1(root, "Sp_D_full", np.full((24, 32), 255, np.uint8))
    casia1(root, "Sp_D_lone", mask())
    (root / "casia1/masks/Sp_D_lone.png").unlink()
    save(root / "casia1/authentic/Au_1.jpg", photo())
    suffix = (
        "of the image as manipulated. Expected more than none and at most 75%, with "
        "white = manipulated. It may be inverted or empty; check the file."
    )
    assert datasets.check("casia1", progress=False) == [
        "`casia1` has 4 forged images that can be used. Expected 6. "
        "`imdl data info casia1` says where each file goes.",
        "`casia1` has 1 authentic images that can be used. Expected 2. "
        "`imdl data info casia1` says where each file goes.",
        "`casia1/Sp_D_lone` has no mask. Expected images/NAME.jpg with masks/NAME.png; "
        "authentic/*. It is left out; add its mask.",
        f"Mask of `casia1/Sp_D_empty` marks 0% {suffix}",
        f"Mask of `casia1/Sp_D_full` marks 100% {suffix}",
        "Mask of `casia1/Sp_D_turned` is 24x32 but its image is 32x24. Masks must match their "
        "image. Check the file.",
    ]


def test_a_whole_set_is_found_right(root, monkeypatch):
    monkeypatch.setitem(
        datasets.SPECS, "casia1", replace(datasets.SPECS["casia1"], forged=1, authentic=1)
    )
    casia1(root, "Sp_D_good", mask())
    save(root / "casia1/authentic/Au_1.jpg", photo())
    assert datasets.check("casia1", progress=False) == []


def test_inverted_mask_is_found(root):
    casia1(root, "Sp_D_a", mask())
    small = mask()
    small[:, 6:] = 0
    casia1(root, "Sp_D_b", 255 - small)
    problems = datasets.check("casia1", progress=False)
    assert [problem for problem in problems if "Sp_D" in problem] == [
        "Mask of `casia1/Sp_D_b` marks 81% of the image as manipulated. "
        "Expected more than none and at most 75%, with white = manipulated. "
        "It may be inverted or empty; check the file."
    ]


@pytest.mark.parametrize("name", sorted(datasets.SPECS))
def test_a_missing_set_is_no_error_until_it_is_opened(name, monkeypatch, root):
    assert not datasets.available(name)
    assert datasets.needs(name).startswith(f"needs {datasets.SPECS[name].title}: imdl data ")
    with pytest.raises(DataError) as caught:
        datasets.open_set(name)
    spec = datasets.SPECS[name]
    assert str(caught.value) == (
        f"{spec.title} is not in {root}/{spec.folder}. Expected {spec.layout}. "
        f"`imdl data info {name}` says more."
    )
    monkeypatch.delenv("IMDL_DATA")
    assert not datasets.available(name)


def test_a_set_is_available_when_nearly_all_of_it_is_here(root, monkeypatch):
    monkeypatch.setitem(datasets.SPECS, "casia2", replace(datasets.SPECS["casia2"], forged=20))
    for number in range(19):
        save(root / f"casia2/Tp/{number}.jpg", photo())
        if number:
            save(root / f"casia2/CASIA 2 Groundtruth/{number}_gt.png", mask())
    assert not datasets.available("casia2")
    save(root / "casia2/CASIA 2 Groundtruth/0_gt.png", mask())
    assert datasets.available("casia2")


def test_part_of_a_fetched_set_is_not_enough(root):
    casia1(root, "Sp_D_a", mask())
    assert not datasets.available("casia1") and not datasets.available("casia1/forged")


def test_unknown_set():
    with pytest.raises(RegistryError) as caught:
        datasets.open_set("casia3")
    assert str(caught.value) == (
        "There is no data set `casia3`. Expected one of casia1, casia2, columbia, coverage, "
        "nist16, imd2020, defacto, psbattles, kcmi. `imdl data info NAME` describes each."
    )


def test_info_of_a_set_that_the_user_brings():
    assert datasets.info("columbia").splitlines() == [
        "columbia: Columbia uncompressed",
        "  images   180 forged, 183 authentic",
        "  licence  research only",
        "  source   https://www.ee.columbia.edu/ln/dvmm/downloads/authsplcuncmp/; "
        "it cannot be fetched by this library",
        "  goes to  $IMDL_DATA/columbia",
        "  layout   4cam_splc/NAME.tif with 4cam_splc/edgemask/NAME_edgemask.jpg; 4cam_auth/*",
        "  masks    green = manipulated",
        "  note     masks come in several colours: green above 127 is the spliced side",
        "  here     no",
    ]


def test_info_of_a_set_that_can_be_fetched():
    lines = datasets.info("casia1").splitlines()
    assert lines[0].startswith("casia1: CASIA v1: splices")
    assert lines[-1].startswith("  note     461 splices, 459 copy-moves")


def test_info_names_the_masks_that_are_fitted():
    assert datasets.info("coverage").splitlines()[-3:] == [
        "  note     nine masks are larger than their images (wenbihan/coverage#2); "
        "all pairs are used",
        "  note     masks are cut as their images were, from (x, y) in px: 41t (0, 0), "
        "48t (0, 150), 57t (0, 0), 58t (0, 0), 59t (0, 70), 61t (150, 0)",
        "  note     masks are resized as their images were: 55t, 56t, 95t",
    ]


@pytest.mark.skipif(not datasets.available("casia1"), reason="needs CASIA v1")
def test_the_real_casia1(monkeypatch):
    monkeypatch.setenv("IMDL_DATA", REAL_ROOT)
    found = datasets.open_set("casia1")
    assert len(found) == 1720
    assert [found[i].mask is None for i in (0, 919, 920, 1719)] == [False, False, True, True]
    assert found[0].mask.mean() == pytest.approx(0.0872, abs=1e-4)


@pytest.fixture
def real_coverage(monkeypatch):
    monkeypatch.setenv("IMDL_DATA", REAL_ROOT)
    if not datasets.available("coverage"):
        pytest.skip("needs COVERAGE")
    return datasets.open_set("coverage")


def test_masks_of_the_real_coverage_hold_what_was_changed(real_coverage):
    """All 100 pairs: outside the mask, forged image and original have the same pixels.

    Up to 3 px beside the border may differ, where seams are soft or a mask was resized, and a few
    specks elsewhere: .6 % of pair 9's changed pixels.
    """
    samples = {sample.name: sample for sample in real_coverage}
    assert len(samples) == 200
    for name, sample in samples.items():
        if sample.mask is not None:
            changed = (sample.image_u8 != samples[name.removesuffix("t")].image_u8).any(2)
            near = cv2.dilate(sample.mask.astype(np.uint8), np.ones((7, 7))) > 0
            assert (changed & ~near).sum() <= 0.01 * changed.sum(), name
            assert (changed & sample.mask).sum() >= 0.7 * sample.mask.sum(), name


def test_the_real_coverage_has_no_fault(real_coverage):
    assert datasets.check("coverage", progress=False) == []
