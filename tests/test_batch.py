"""The vocabulary refuses what its names do not promise."""

import pytest
import torch

from imdl_lib.batch import Batch, Prediction
from imdl_lib.errors import ShapeError

IMAGE = torch.zeros(2, 3, 4, 5)
MASK = torch.zeros(2, 1, 4, 5, dtype=torch.bool)


def refused(image: torch.Tensor, mask: torch.Tensor | None = None) -> str:
    batch = object.__new__(Batch)  # `Batch(...)` would meet the tests' own type checks first
    vars(batch).update(image=image, mask=mask)
    with pytest.raises(ShapeError) as caught:
        batch.__post_init__()
    return str(caught.value)


EXPECTED = "Expected float (B, 3, H, W) in [0, 1]: RGB, channels first."


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (torch.zeros(3, 4, 5), "float32 (3, 4, 5)"),
        (torch.zeros(2, 4, 5, 3), "float32 (2, 4, 5, 3)"),
        (torch.zeros(2, 1, 4, 5), "float32 (2, 1, 4, 5)"),
        (torch.zeros(2, 3, 4, 5, dtype=torch.uint8), "uint8 (2, 3, 4, 5)"),
    ],
)
def test_an_image_of_another_kind(image, what):
    assert refused(image) == f"A batch's image is {what}. {EXPECTED}"


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (MASK.float(), "float32 (2, 1, 4, 5)"),
        (MASK[:1], "bool (1, 1, 4, 5)"),
        (MASK[:, 0], "bool (2, 4, 5)"),
        (MASK.transpose(2, 3), "bool (2, 1, 5, 4)"),
    ],
)
def test_a_mask_of_another_kind(mask, what):
    assert refused(IMAGE, mask) == (
        f"A batch's mask is {what} but its image is float32 (2, 3, 4, 5). "
        "Expected bool (2, 1, 4, 5), True = manipulated."
    )


def test_a_label_is_true_where_one_pixel_is():
    mask = MASK.clone()
    mask[1, 0, 3, 4] = True
    assert Batch(IMAGE, mask).label.tolist() == [False, True]


def test_no_label_without_masks():
    with pytest.raises(ShapeError) as caught:
        _ = Batch(IMAGE).label
    assert str(caught.value) == "This batch has no masks, so no labels. Give it `mask`."


def test_a_batch_moves_as_a_whole():
    batch = Batch(IMAGE, MASK, torch.tensor([3, 384]), ("a", "b"))
    moved = batch.to("meta")
    assert {moved.image.device.type, moved.mask.device.type, moved.operation.device.type} == {
        "meta"
    }
    assert moved.name == ("a", "b")
    assert batch.image.device.type == "cpu"
    assert Batch(IMAGE).to("meta").mask is None


def test_a_batch_does_not_change():
    with pytest.raises(AttributeError):
        Batch(IMAGE).image = IMAGE + 1


def test_probabilities_are_the_sigmoids_in_full_precision():
    logits = torch.tensor([[[[0.0, 4.0]]]], dtype=torch.bfloat16)
    prediction = Prediction(logits, torch.tensor([-4.0], dtype=torch.bfloat16))
    assert prediction.prob.dtype == prediction.score.dtype == torch.float32
    assert torch.allclose(prediction.prob, torch.tensor([[[[0.5, 0.982014]]]]), atol=1e-6)
    assert torch.allclose(prediction.score, torch.tensor([0.017986]), atol=1e-6)


def test_predictions_do_not_share_their_maps():
    first, second = (Prediction(torch.zeros(1, 1, 2, 2), torch.zeros(1)) for _ in range(2))
    first.maps["a"] = torch.zeros(1)
    assert second.maps == {}
