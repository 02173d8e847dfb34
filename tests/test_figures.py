"""Drawings from synthetic arrays: what is on the axes, without looking at pixels."""

import io

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from imdl_lib import experiments, figures, manipulations, standins


def rendered(figure: Figure) -> bytes:
    """The PNG; a drawing that warns is an error here."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=40)
    return stream.getvalue()


def photos(count: int, size_px: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size_px, size_px, 3), np.uint8)


def samples(count: int) -> dict[str, np.ndarray]:
    """What a grid shows."""
    image = photos(count)
    prediction = (image[..., 0] / 255).astype(np.float16)
    rows = np.array([f"set_{i}" for i in range(count)])
    return {"rows": rows, "image": image, "mask": image[..., 0] > 99, "prediction": prediction}


def steps(parts: list[str]) -> dict[str, np.ndarray]:
    """What an architecture shows: one step for each name of a part."""
    count = len(parts)
    return {
        "part": np.array(parts),
        "name": np.array([f"body.{i}" for i in range(count)]),
        "kind": np.array(["Conv2d"] * count),
        "shape": np.array(["1 x 8 x 64 x 64"] * count),
        "parameters": np.arange(count) * 1000,
    }


def test_new_figures_are_not_kept():
    figure, axes = figures.new(2, 3, (4, 3))
    assert axes.shape == (2, 3) and len(figure.axes) == 6
    assert figures.new(1, 1, (4, 3))[1].shape == (1, 1)
    assert plt.get_fignums() == []


def test_grid():
    data = samples(3)
    figure = figures.grid(data, ("image", "mask", "prediction"))
    assert len(figure.axes) == 9
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["image", "mask", "prediction"] + [""] * 6
    assert [axis.get_ylabel() for axis in figure.axes[::3]] == ["set 0", "set 1", "set 2"]
    for axis in figure.axes:
        assert len(axis.images) == 1 and len(axis.get_xticks()) == 0
    assert np.array_equal(figure.axes[3].images[0].get_array(), data["image"][1])
    assert rendered(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "values, limits, colours",
    [
        (np.eye(4, dtype=bool), (0, 1), "gray"),
        (np.arange(16).reshape(4, 4).astype(np.int16), (0, 24), "nipy_spectral"),
        (np.eye(4, dtype=np.float16) / 2, (0, 1), figures.MAP_COLOURS),
        (np.full((4, 4), 0.25, np.float32), (0, 1), figures.MAP_COLOURS),
    ],
    ids=["mask", "classes", "half map", "flat map"],
)
def test_a_picture_has_fixed_limits(values, limits, colours):
    """A map of low probabilities must look dark, whatever its own maximum."""
    figure, axes = figures.new(1, 1, (2, 2))
    figures.picture(axes[0, 0], values)
    (image,) = axes[0, 0].images
    assert image.get_clim() == limits
    assert image.get_cmap().name == colours
    assert np.array_equal(image.get_array(), values)
    assert rendered(figure)


def test_a_photo_is_shown_as_it_is():
    _, axes = figures.new(1, 1, (2, 2))
    photo = photos(1)[0]
    figures.picture(axes[0, 0], photo)
    assert np.array_equal(axes[0, 0].images[0].get_array(), photo)


def test_confusion_has_true_classes_down():
    figure, axes = figures.new(1, 1, (3, 3))
    matrix = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [np.nan] * 3])
    figures.confusion(axes[0, 0], matrix, ("a", "b", "c"))
    assert len(figure.axes) == 2  # and the colour bar
    assert [t.get_text() for t in axes[0, 0].get_yticklabels()] == ["a", "b", "c"]
    assert (axes[0, 0].get_xlabel(), axes[0, 0].get_ylabel()) == ("said", "true")
    drawn = axes[0, 0].collections[0].get_array().reshape(3, 3)
    assert np.allclose(drawn.filled(np.nan), matrix, equal_nan=True)
    assert rendered(figure)


def test_bars_stand_side_by_side():
    figure, axes = figures.new(1, 1, (3, 3))
    values = np.array([[50.0, 60.0], [70.0, np.nan]])
    figures.bars(axes[0, 0], np.array(["a", "b"]), np.array(["one_set", "two"]), values)
    places = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes[0, 0].patches]
    assert np.allclose(places[0], (-0.2, 50)) and np.allclose(places[2], (0.2, 70))
    assert [t.get_text() for t in axes[0, 0].get_xticklabels()] == ["one set", "two"]
    assert [t.get_text() for t in axes[0, 0].get_legend().get_texts()] == ["a", "b"]
    assert rendered(figure)


def test_curves():
    figure, axes = figures.new(1, 1, (3, 3))
    x = np.array([1.0, 2.0])
    lines = {"one": (x, x / 2), "none": (np.array([]), np.array([]))}
    figures.curves(axes[0, 0], lines, xlabel="px", ylabel="AUC", title="(a)")
    assert [line.get_label() for line in axes[0, 0].lines] == ["one", "none"]
    assert axes[0, 0].lines[0].get_ydata().tolist() == [0.5, 1.0]
    legend = axes[0, 0].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["one", "none"]
    assert (axes[0, 0].get_xlabel(), axes[0, 0].get_title()) == ("px", "(a)")
    assert len({line.get_color() for line in axes[0, 0].lines}) == 2
    assert rendered(figure)


@pytest.mark.parametrize("parts", [["trace"], ["trace"] * 9 + ["adapt"] + ["read", "decide"]])
def test_architecture_has_a_box_for_each_step(parts):
    figure = figures.architecture(steps(parts), "A network")
    (axis,) = figure.axes
    text = "\n".join(t.get_text() for t in axis.texts)
    assert axis.get_title() == "A network"
    for i, part in enumerate(parts):
        assert f"body.{i}\n" in text and f"{1000 * i:,}" in text and part in text
    boxes = [p for p in axis.patches if type(p).__name__ == "FancyBboxPatch"]
    assert len(boxes) == len(parts)
    low, high = axis.get_ylim()
    corners = [box.get_bbox() for box in boxes]
    assert all(low <= b.y0 and b.y1 <= high and b.x1 <= axis.get_xlim()[1] for b in corners)
    for one in range(len(corners)):
        assert not any(corners[one].overlaps(other) for other in corners[:one])
    assert rendered(figure)


def test_an_architecture_that_branches_is_drawn_as_placed():
    branched = steps(["base", "mean", "variance"])
    branched |= {"place": np.array([[1, 0], [0, 1], [2, 1]]), "arrows": np.array([[0, 1], [0, 2]])}
    figure = figures.architecture(branched, "A network")
    rendered(figure)
    boxes = [p for p in figure.axes[0].patches if type(p).__name__ == "FancyBboxPatch"]
    arrows = [p for p in figure.axes[0].patches if type(p).__name__ == "FancyArrowPatch"]
    corners = [(box.get_bbox().x0, box.get_bbox().y0) for box in boxes]
    assert corners[0][0] < corners[1][0] == corners[2][0]
    assert corners[2][1] < corners[0][1] < corners[1][1]
    assert len(arrows) == 2 and all(arrow.patchA is boxes[0] for arrow in arrows)


# ManTra-Net's figures


def draw(number: int, data: dict) -> Figure:
    figure = experiments.item(f"mantranet/figure-{number}").draw(data)
    assert rendered(figure).startswith(b"\x89PNG")
    return figure


@pytest.mark.parametrize("number, rows", [(1, 3), (5, 7)])
def test_samples_are_a_grid(number, rows):
    assert len(draw(number, samples(rows)).axes) == 3 * rows


def test_architecture_figure():
    assert len(draw(2, steps(["trace"] * 8 + ["decide"])).axes) == 1


def test_confusion_figure():
    matrix = np.eye(25)
    matrix[3] = np.nan  # a class that no test image has
    data = samples(4) | {"matrix": matrix, "names": np.array(manipulations.class_names(1))}
    data["membership"] = (data["image"][..., 0] % 25).astype(np.int16)
    figure = draw(3, data)
    assert len(figure.axes) == 3  # the matrix, its colour bar, the maps
    insets = [inset for axis in figure.axes for inset in axis.child_axes if inset.images]
    assert len(insets) == 12


@pytest.mark.parametrize("share", [1, 2], ids=["every set", "every second set"])
def test_curves_figure(share):
    """A set that is not scored leaves a gap, and no error."""
    names = [n for n, s in standins.SETS.items() if s.distortion or n.startswith("sensitivity/")]
    sets = np.array(["four_kinds", *names][::share])
    figure = draw(4, {"sets": sets, "pixel_auc": np.linspace(0.5, 0.9, len(sets))})
    text = "\n".join(
        text
        for axis in figure.axes
        for text in (axis.get_title(), *(line.get_label() for line in axis.lines))
    )
    for name in {n.split("/")[1] for n in names if n.startswith("sensitivity/")}:
        assert name in text
    for name in standins.DISGUISES:
        assert name.replace("_", " ") in text
    assert len(figure.axes) >= len(standins.DISGUISES) + 1


def test_failures_figure():
    data = samples(3) | {"each_half_alone": np.zeros((3, 8, 8), np.float16)}
    figure = draw(6, data)
    assert len(figure.axes) == 12
    assert figure.axes[3].get_title() == "each half alone"
