"""Named arrays in, a matplotlib figure out; one style for all papers."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.facecolor": "white",
}
MAP_COLOURS = "inferno"  # probability maps: dark = pristine, bright = manipulated


def new(
    rows: int, columns: int, size: tuple[float | int, float | int]
) -> tuple[Figure, np.ndarray]:
    """A figure in the house style with a (rows, columns) array of axes; size in inches.

    It belongs to no global list of figures, so nothing is displayed twice.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size)
        return figure, figure.subplots(rows, columns, squeeze=False)


def display(figure: Figure) -> None:
    """Show a figure in a notebook as one PNG."""
    from IPython.display import Image
    from IPython.display import display as show

    stream = io.BytesIO()
    figure.savefig(stream, dpi=90)
    show(Image(stream.getvalue()))


def grid(data: dict[str, Any], columns: tuple[str, ...], scale: float = 1.5) -> Figure:
    """Pictures in rows: ``data[column]`` is (N, H, W[, 3]); uint8 photos, bool masks, float maps.

    ``data["rows"]`` holds one label per row.
    """
    labels = [str(label) for label in data["rows"]]
    figure, axes = new(len(labels), len(columns), (scale * len(columns) + 0.6, scale * len(labels)))
    for line, label, i in zip(axes, labels, range(len(labels)), strict=True):
        for axis, column in zip(line, columns, strict=True):
            picture(axis, data[column][i])
            if i == 0:
                axis.set_title(column.replace("_", " "), fontsize=8)
        line[0].set_ylabel(label.replace("_", " "), rotation=90, fontsize=8)
    return figure


def grid_of(*columns: str) -> Callable[[dict[str, Any]], Figure]:
    """What draws such a grid of these columns."""
    return partial(grid, columns=columns)


def picture(axis: plt.Axes, values: np.ndarray) -> None:
    """One photo, mask, map in [0, 1] or map of class numbers, without ticks."""
    if values.dtype == bool:
        axis.imshow(values, cmap="gray", vmin=0, vmax=1)
    elif values.ndim == 3:
        axis.imshow(values)
    elif np.issubdtype(values.dtype, np.integer):
        axis.imshow(values, cmap="nipy_spectral", vmin=0, vmax=24, interpolation="nearest")
    else:
        axis.imshow(values.astype(float), cmap=MAP_COLOURS, vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])


def confusion(axis: plt.Axes, matrix: np.ndarray, names: tuple[str, ...]) -> None:
    """A confusion matrix with rows that sum to one: true class down, said class across."""
    sns.heatmap(
        matrix, ax=axis, cmap="viridis", vmin=0, vmax=1, square=True, cbar_kws={"shrink": 0.6}
    )
    ticks = np.arange(len(names)) + 0.5
    axis.set_xticks(ticks, names, rotation=90, fontsize=6)
    axis.set_yticks(ticks, names, rotation=0, fontsize=6)
    axis.set(xlabel="said", ylabel="true")


def curves(axis: plt.Axes, lines: dict[str, tuple[np.ndarray, np.ndarray]], **labels: Any) -> None:
    """Named lines of (x, y) with markers and a legend; ``labels`` are the axis' own."""
    for (name, (x, y)), colour in zip(
        lines.items(), sns.color_palette("colorblind", len(lines)), strict=True
    ):
        axis.plot(x, y, marker="o", markersize=3, linewidth=1.2, label=name, color=colour)
    axis.set(**labels)
    axis.legend(fontsize=6, frameon=False)


def bars(axis: plt.Axes, series: np.ndarray, groups: np.ndarray, values: np.ndarray) -> None:
    """Bars of ``values`` (series, groups), side by side within each group, with their numbers.

    NaN leaves a gap.
    """
    width = 0.8 / len(series)
    colours = sns.color_palette("colorblind", len(series))
    for number, (name, heights, colour) in enumerate(zip(series, values, colours, strict=True)):
        place = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
        drawn = axis.bar(place, heights, width, label=name, color=colour)
        axis.bar_label(drawn, ["" if np.isnan(v) else f"{v:.1f}" for v in heights], fontsize=7)
    axis.set_xticks(np.arange(len(groups)), [str(name).replace("_", " ") for name in groups])
    axis.legend(fontsize=7, frameon=False)


def architecture(data: dict[str, Any], title: str) -> Figure:
    """A network's modules, with measured shapes and weights.

    ``data``: ``name``, ``kind``, ``shape`` (text) and ``parameters`` of each step, and ``part``,
    the name of the sub-network it belongs to. Steps stand in lines, in the order in which they
    ran, unless ``place`` (N, 2) gives row and column of each and ``arrows`` (M, 2) what reads what.
    """
    parts = data["part"].tolist()
    if "place" in data:
        places, arrows = data["place"].tolist(), data["arrows"].tolist()
    else:
        places, arrows = _in_lines(parts)
    rows, columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    figure, axes = new(1, 1, (1.2 * columns + 0.4, 1.2 * rows + 0.4))
    axis = axes[0, 0]
    axis.set(xlim=(0, columns), ylim=(-rows, 0.1), title=title)
    axis.axis("off")
    names = list(dict.fromkeys(parts))
    colours = dict(zip(names, sns.color_palette("pastel", len(names)), strict=True))
    for step, (part, (row, column)) in enumerate(zip(parts, places, strict=True)):
        axis.text(column + 0.08, -row - 0.12, part, fontsize=7, weight="bold")
        _box(axis, (column, -row), data, step, colours[part])
    boxes = list(axis.patches)
    for start, end in arrows:
        centres = [(places[step][1] + 0.48, -places[step][0] - 0.53) for step in (start, end)]
        ends = {"patchA": boxes[start], "patchB": boxes[end]}
        style = {"arrowstyle": "->", "mutation_scale": 6, "color": "0.4"}
        axis.add_patch(FancyArrowPatch(*centres, **ends, shrinkA=1, shrinkB=1, **style))
    return figure


def _in_lines(parts: list[str], longest: int = 7) -> tuple[list[Any], list[Any]]:
    """Places and arrows of steps in lines; a new one if one is full, and after a part of several.

    >>> _in_lines(["trace", "trace", "adapt"])
    ([(0, 0), (0, 1), (1, 0)], [(0, 1)])
    """
    places, arrows = [(0, 0)], []
    for step in range(1, len(parts)):
        row, column = places[-1]
        after_long = parts[step] != parts[step - 1] and parts.count(parts[step - 1]) > 1
        if column + 1 == longest or after_long:
            places.append((row + 1, 0))
        else:
            places.append((row, column + 1))
            arrows.append((step - 1, step))
    return places, arrows


def _box(axis: plt.Axes, place: tuple[int, int], data: dict[str, Any], step: int, fc: Any) -> None:
    x, top = place
    style = "round,pad=0.02"
    axis.add_patch(
        FancyBboxPatch((x + 0.08, top - 0.86), 0.8, 0.66, boxstyle=style, fc=fc, ec="0.4")
    )
    count = int(data["parameters"][step])
    lines = [data["name"][step], data["kind"][step], data["shape"][step], f"{count:,} weights"]
    axis.text(x + 0.48, top - 0.53, "\n".join(lines), ha="center", va="center", fontsize=6)
