"""The pairing rule of each real set, on small copies of the authors' layouts."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from imdl_lib import checksums, realsets
from imdl_lib.errors import DataError

NIST16_COLUMNS = (
    "ProbeFileName|ProbeMaskFileName|IsTarget|IsManipulationTypeRemoval|"
    "IsManipulationTypeSplice|IsManipulationTypeCopyClone"
)


def lay(root: Path, *names: str) -> Path:
    """Empty files below ``root``: a pairing rule opens no image."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(name: str, root: Path) -> list[tuple[str, str | None, str]]:
    return [
        (entry.name, entry.mask and entry.mask.relative_to(root).as_posix(), entry.kind)
        for entry in realsets.SPECS[name].entries(root)
    ]


def test_casia1(tmp_path):
    lay(tmp_path, "images/Sp_D_a_1.jpg", "images/Sp_S_b_2.jpg", "images/Sp_S_x_3.jpg")
    lay(tmp_path, "masks/Sp_D_a_1.png", "masks/Sp_S_b_2.png", "masks/Thumbs.db")
    lay(tmp_path, "authentic/Au_ani_1.jpg", "authentic/Au_art_2.JPG")
    assert found("casia1", tmp_path) == [
        ("Sp_D_a_1", "masks/Sp_D_a_1.png", "splice"),
        ("Sp_S_b_2", "masks/Sp_S_b_2.png", "copy_move"),
        ("Sp_S_x_3", None, "copy_move"),
        ("Au_ani_1", None, "authentic"),
        ("Au_art_2", None, "authentic"),
    ]


def test_casia1_kinds_follow_the_masks(tmp_path):
    lay(tmp_path, *(path.removeprefix("casia1/") for path in checksums.listed("casia1")))
    entries = realsets.casia1(tmp_path)
    assert Counter(e.kind for e in entries) == {"splice": 461, "copy_move": 459, "authentic": 800}
    assert Counter(e.image.stem[3] for e in entries if e.kind == "splice") == {"D": 441, "S": 20}
    assert all(entry.mask for entry in entries if entry.kind != "authentic")


def test_casia2(tmp_path):
    lay(tmp_path, "Tp/Tp_D_a.tif", "Tp/Tp_S_b.jpg", "Au/Au_1.jpg")
    lay(tmp_path, "CASIA 2 Groundtruth/Tp_D_a_gt.png")
    assert found("casia2", tmp_path) == [
        ("Tp_D_a", "CASIA 2 Groundtruth/Tp_D_a_gt.png", "splice"),
        ("Tp_S_b", None, "copy_move"),
        ("Au_1", None, "authentic"),
    ]
    assert len(realsets.SPECS["casia2"].skip) == 17
    assert all(name[:5] in {"Tp_D_", "Tp_S_"} for name in realsets.SPECS["casia2"].skip)


def test_columbia(tmp_path):
    lay(tmp_path, "4cam_splc/canon_1.tif", "4cam_splc/edgemask/canon_1_edgemask.jpg")
    lay(tmp_path, "4cam_splc/edgemask/canon_1_edgemask_3.jpg", "4cam_auth/canon_2.tif")
    lay(tmp_path, "4cam_auth/edgemask/canon_2_edgemask.jpg")
    assert found("columbia", tmp_path) == [
        ("canon_1", "4cam_splc/edgemask/canon_1_edgemask.jpg", "splice"),
        ("canon_2", None, "authentic"),
    ]


def test_coverage(tmp_path):
    lay(tmp_path, "image/1.tif", "image/1t.tif", "image/10t.tif")
    lay(tmp_path, "mask/1forged.tif", "mask/1copy.tif", "mask/1paste.tif", "mask/10forged.tif")
    assert found("coverage", tmp_path) == [
        ("1", None, "authentic"),
        ("10t", "mask/10forged.tif", "copy_move"),
        ("1t", "mask/1forged.tif", "copy_move"),
    ]


def test_nist16(tmp_path):
    lay(tmp_path, "probe/1.jpg", "mask/1.png", "probe/2.jpg", "mask/2.png", "world/9.jpg")
    rows = [
        "probe/1.jpg|mask/1.png|Y|N|Y|N",
        "probe/2.jpg|mask/2.png|Y|Y|Y|N",
        "probe/3.jpg|mask/3.png|Y|Y|N|N",
        "probe/4.jpg||N|N|N|N",
    ]
    listing = lay(tmp_path, "reference/manipulation/NC2016-manipulation-ref.csv")
    listing = listing / "reference/manipulation/NC2016-manipulation-ref.csv"
    listing.write_text("\n".join([NIST16_COLUMNS, *rows]))
    assert found("nist16", tmp_path) == [
        ("1", "mask/1.png", "splice"),
        ("2", "mask/2.png", "compound"),
        ("3", None, "removal"),
        ("9", None, "authentic"),
    ]
    listing.write_text("TaskID,ProbeFileName\n1,2\n")
    with pytest.raises(DataError) as caught:
        realsets.nist16(tmp_path)
    assert str(caught.value) == (
        f"{listing} lacks the columns IsManipulationTypeCopyClone, IsManipulationTypeRemoval, "
        "IsManipulationTypeSplice, IsTarget, ProbeFileName, ProbeMaskFileName. Expected the "
        "listing of NIST16's manipulation task, separated by |. Copy it again."
    )


def test_imd2020(tmp_path):
    lay(tmp_path, "1a/1a_orig.jpg", "1a/c8_0.png", "1a/c8_0_mask.png", "1b/d_0.jpg")
    assert found("imd2020", tmp_path) == [
        ("1a/1a_orig", None, "authentic"),
        ("1a/c8_0", "1a/c8_0_mask.png", "compound"),
        ("1b/d_0", None, "compound"),
    ]


def test_defacto(tmp_path):
    lay(tmp_path, "copymove_img/img/1.tif", "copymove_annotations/probe_mask/1.jpg")
    lay(tmp_path, "inpainting_img/img/1.tif", "inpainting_annotations/probe_mask/1.jpg")
    lay(tmp_path, "splicing_7_img/img/1.tif", "splicing_7_annotations/probe_mask/1.jpg")
    assert [(name, kind) for name, _, kind in found("defacto", tmp_path)] == [
        ("copymove/1", "copy_move"),
        ("inpainting/1", "removal"),
        ("splicing_7/1", "splice"),
    ]


def test_psbattles(tmp_path):
    lay(tmp_path, "originals/a.jpg", "photoshops/a/b_0.png", "photoshops/a/c_0.jpg")
    assert found("psbattles", tmp_path) == [
        ("a/b_0", None, "compound"),
        ("a/c_0", None, "compound"),
        ("a", None, "authentic"),
    ]


@pytest.mark.parametrize("name", sorted(realsets.SPECS))
def test_an_empty_folder_is_an_empty_set(name, tmp_path):
    assert realsets.SPECS[name].entries(tmp_path / "none") == []
    assert realsets.SPECS[name].name == name


def test_polarities():
    white, green, red, dim = [255] * 3, [0, 255, 0], [255, 0, 0], [0, 127, 0]
    colour = np.array([[white, [0] * 3, green, red, dim]], np.uint8)
    marked = {name: rule(colour)[0].tolist() for name, rule in realsets.POLARITIES.items()}
    assert marked["white"][:2] == [True, False]
    assert marked["black"][:2] == [False, True]
    assert marked["green"] == [True, False, True, False, False]
