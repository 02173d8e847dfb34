"""Rows of trace extractors against slow loops: classes, membership maps, cameras."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from imdl_lib import datasets, evaluate, manipulations, traces
from imdl_lib.errors import ImdlError
from imdl_lib.forge import ForgedSet
from imdl_lib.kinds import Recipe
from imdl_lib.papers import mantranet


def numbered(count: int, size_px: int = 4, targets: np.ndarray | None = None) -> ForgedSet:
    """Images that are each filled with their number."""
    images = np.zeros((count, size_px, size_px, 3), np.uint8)
    images += np.arange(count, dtype=np.uint8)[:, None, None, None]
    recipe = Recipe(("operation",), ("packaged",), "test", count, size_px)
    regions = np.zeros((count, size_px, size_px), np.uint8)
    return ForgedSet(recipe, images, regions, np.arange(count) if targets is None else targets)


def number_of(image: torch.Tensor) -> list[int]:
    return (image[:, 0, 0, 0] * 255).round().int().tolist()


def imc(level: int) -> mantranet.ImcModel:
    config = mantranet.Config(wider=False, deeper=False, level=level, width=0.125)
    return mantranet.ImcModel(config).eval()


@pytest.mark.parametrize("level", [0, 2, 5])
def test_operations_against_a_slow_loop(level):
    leaves = np.random.default_rng(1).integers(0, 385, 30)
    classes = manipulations.CLASSES[level]
    prob = np.random.default_rng(2).random((30, classes))
    hierarchy = manipulations.HIERARCHY
    for i in range(0, 30, 3):  # a third is right
        prob[i, hierarchy[level][leaves[i]]] = 2
    prob /= prob.sum(1, keepdims=True)
    model = imc(level)
    model.forward = lambda image: (
        torch.from_numpy(prob[number_of(image)]).float().log()[..., None, None].expand(-1, -1, 2, 2)
    )
    rows = traces.score_operations(model, numbered(30, targets=leaves), 7)
    assert len(rows) == 30
    for i, row in enumerate(rows):
        true = hierarchy[level][leaves[i]]
        order = sorted(range(classes), key=lambda c, i=i: -prob[i, c])
        assert row["image"] == f"{i:05d}" and row["leaf"] == leaves[i]
        for k in (1, 3, 5, 10):
            assert row[f"top_{k}"] == int(true in order[:k])
        said = {}
        for coarse in range(level + 1):
            total = [0.0] * manipulations.CLASSES[coarse]
            for fine in range(classes):
                leaf = next(leaf for leaf in range(385) if hierarchy[level][leaf] == fine)
                total[hierarchy[coarse][leaf]] += prob[i, fine]
            said[coarse] = int(np.argmax(total))
            assert row[f"correct_{coarse}"] == int(said[coarse] == hierarchy[coarse][leaves[i]])
        assert f"correct_{level + 1}" not in row
        if level:
            assert row["said_1"] == said[1]
            inside = row["wrong_inside_1"]
            expected = int(said[1] == hierarchy[1][leaves[i]])
            assert np.isnan(inside) if order[0] == true else inside == expected


def test_ties_count_against_the_true_class():
    even = torch.full((1, 7), 1 / 7)
    (row,) = pd.DataFrame(traces._operation_columns(0, torch.tensor([3]), even)).to_dict("records")
    assert [row[f"top_{k}"] for k in (1, 3, 5, 10)] == [0, 0, 0, 1]


def test_probabilities_that_are_not_finite():
    with pytest.raises(ImdlError) as caught:
        traces._operation_columns(0, torch.tensor([3]), torch.full((1, 7), torch.nan))
    assert str(caught.value) == (
        "A network gives class probabilities that are not finite. Its weights are spoilt; "
        "expected numbers in [0, 1]. Train the run again."
    )


def test_a_class_of_a_coarser_level_has_the_sum_of_what_it_holds():
    prob = torch.rand(2, 385, 3).softmax(1)
    for coarse in range(6):
        found = traces.at_level(prob, coarse)
        assert found.shape == (2, manipulations.CLASSES[coarse], 3)
        for number in (0, 3):
            held = manipulations.HIERARCHY[coarse] == number
            torch.testing.assert_close(found[:, number], prob[:, held].sum(1))


def test_cameras_by_their_neighbours():
    """Camera 0 lies near 0, camera 1 near 10; two fitted images bear the other's number."""
    camera = np.tile([0, 0, 1, 1], 12)  # fitted and tested images of both
    place = 10.0 * camera + np.random.default_rng(0).random(len(camera))
    told = camera.copy()
    told[0], told[2] = 1, 0  # outvoted by six neighbours
    told[1] = 1  # tested: is near camera 0
    model = imc(0)
    model.features = lambda image: torch.tensor([[place[i], 0.0] for i in number_of(image)])[
        ..., None, None
    ].expand(-1, -1, 3, 3)
    rows = traces.score_cameras(model, numbered(len(told)).images, told)
    assert [row["image"] for row in rows] == [f"{i:05d}" for i in range(1, len(told), 2)]
    assert [row["camera"] for row in rows] == told[1::2].tolist()
    assert [row["camera_correct"] for row in rows] == [0] + [1] * (len(rows) - 1)


def test_cameras_against_a_slow_loop():
    rng = np.random.default_rng(3)
    camera, feature = rng.integers(0, 10, 60), rng.random((60, 4))
    feature[:, 0] += camera / 10
    model = imc(0)
    model.features = lambda image: torch.from_numpy(feature[number_of(image)]).float()[
        ..., None, None
    ]
    rows = traces.score_cameras(model, numbered(60).images, camera)
    for row in rows:
        here = feature[int(row["image"])]
        fitted = sorted(range(0, 60, 2), key=lambda i, p=here: ((feature[i] - p) ** 2).sum())
        votes = [camera[i] for i in fitted[: traces.NEIGHBOURS]]
        most = max(votes.count(v) for v in votes)
        said = min(v for v in votes if votes.count(v) == most)
        assert row["camera_correct"] == int(said == camera[int(row["image"])])


def test_the_real_camera_set(workplace, monkeypatch):
    """The centre of each photo counts, whatever its size; folders name the cameras."""
    monkeypatch.setenv("IMDL_DATA", str(workplace))
    monkeypatch.setattr(traces, "KCMI_PX", 8)
    spec = replace(datasets.SPECS["kcmi"], authentic=4)
    monkeypatch.setitem(datasets.SPECS, "kcmi", spec)
    assert not evaluate.at_hand("kcmi")
    for name in ("B/1", "A/2", "A/1", "B/2"):
        light = np.zeros((12, 16, 3), np.uint8)
        light[2:10, 4:12] = 100 if name[0] == "A" else 200
        place = workplace / "kcmi/train" / f"{name}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(light).save(place)
    assert evaluate.at_hand("kcmi")
    crops, camera = traces.kcmi_crops()
    crops = list(crops)
    assert camera.tolist() == [0, 0, 1, 1]
    assert [crop.shape for crop in crops] == [(8, 8, 3)] * 4
    assert [int(crop.min()) for crop in crops] == [100, 100, 200, 200]


def test_membership_of_the_class_that_fits():
    """The network puts a mask's pixels into one class; the control's mask lies elsewhere."""
    forged = numbered(2, 8)
    regions = forged.regions.copy()
    regions[:, :4, :4] = 1
    forged = replace(forged, regions=regions)
    logits = torch.zeros(2, 7, 8, 8)
    logits[0, 3, :4, :4] = 5.0
    logits[1, 5, :4, :4] = 5.0
    model = imc(0)
    model.decided = lambda image, stride: logits[number_of(image), :, ::stride, ::stride]
    rows = traces.score_membership(model, forged, 1)
    assert [row["membership_auc"] for row in rows] == [1.0, 1.0]
    assert [row["split_auc"] for row in rows] == [1.0, 1.0]
    for row in rows:  # the shifted mask lies where every family's map is flat or low
        assert row["membership_auc_turned"] == pytest.approx(1 - 0.5 * 32 / 48, abs=0.01)
        assert row["split_auc_turned"] == pytest.approx(0.5 * 32 / 48)


def test_a_split_marks_the_smaller_cluster():
    """Two kinds of pixels, five to three: by hand, the distance of (1, 0) and (0, 1) is sqrt 2."""
    few = torch.tensor([[True, False, False, True], [False, False, True, False]])
    families = torch.stack([few, ~few]).float()[None]
    assert torch.equal(traces.split(families)[0, 0], few.float())
    assert torch.equal(traces.split(1 - families)[0, 0], few.float())  # whichever class is which
    noisy = families + torch.tensor([0.1, -0.1])[:, None, None] * torch.rand(2, 4)
    assert ((traces.split(noisy)[0, 0] > 0.5) == few).all()
    assert (traces.split(torch.full((1, 7, 2, 3), 1 / 7)) == 0.5).all()  # nothing to split
