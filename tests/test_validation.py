"""Whether a network has learned: against hand values, and what no network may pass by."""

import numpy as np
import pytest
import torch
from runs import BASE, RUN, job, trained

from imdl_lib import files, train, validation
from imdl_lib.baselines import Classical, blind
from imdl_lib.batch import Batch, Prediction


def batches(seed: int = 0, count: int = 4) -> list[Batch]:
    """Noise whose forged square is rougher than the rest, somewhere in the frame."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        image, mask = rng.uniform(0.45, 0.55, (8, 3, 32, 32)), np.zeros((8, 1, 32, 32), bool)
        for number in range(8):
            top, left = rng.integers(20, size=2)
            mask[number, 0, top : top + 12, left : left + 12] = True
        image = np.where(mask, rng.uniform(0.2, 0.8, image.shape), image)
        made.append(Batch(torch.tensor(image, dtype=torch.float32), torch.from_numpy(mask)))
    return made


def columns(network, made: list[Batch]) -> validation.Columns:
    return validation.joined(validation.localized(network(b.image), b) for b in made)


class Knows(torch.nn.Module):
    """Marks what it was told, with some error."""

    def __init__(self, made: list[Batch], error: float) -> None:
        super().__init__()
        self.answers, self.error = {float(b.image.sum()): b.mask.float() for b in made}, error

    def forward(self, image: torch.Tensor) -> Prediction:
        torch.manual_seed(0)
        truth = self.answers[float(image.sum())]
        logits = truth + self.error * torch.randn_like(truth)
        return Prediction(logits, logits.mean((1, 2, 3)))


def test_a_network_that_marks_what_a_blind_control_marks_has_not_learned():
    made = batches()
    rough = columns(Classical(blind.deviation), made)
    said = validation.learned("pixel_auc", rough, made)
    numbers = said["validation"]
    assert not said["learned"]
    assert numbers["value"] > 0.9
    assert numbers["gain"] == pytest.approx(numbers["value"] - numbers["control_value"], abs=2e-4)
    assert numbers["gain_low"] <= numbers["gain"] <= 0


def test_the_mean_mask_is_a_control_too():
    """A network that knows where forgeries lie, and nothing else."""
    made = batches()
    for batch in made:
        batch.mask[:] = False
        batch.mask[:, :, 2:10, 2:10] = True
        batch.image[:] = torch.rand_like(batch.image)
    network = Knows(made, 0.0)
    said = validation.learned("pixel_auc", columns(network, made), made)
    assert said["validation"]["control"] == "mean-mask" and not said["learned"]


def test_a_network_has_learned_by_the_lower_end_of_the_interval():
    """On smooth images no control is far from one half."""
    made = batches()
    for batch in made:
        batch.image[:] = torch.rand_like(batch.image)
    good, poor = (columns(Knows(made, error), made) for error in (0.5, 8.0))
    said = validation.learned("pixel_auc", good, made)
    numbers = said["validation"]
    assert said["learned"] and numbers["gain_low"] > validation.MARGIN
    assert numbers["value"] == pytest.approx(np.mean(good["pixel_auc"]), abs=1e-4)
    said = validation.learned("pixel_auc", poor, made)
    assert not said["learned"] and said["validation"]["gain"] > said["validation"]["gain_low"]


def test_limits_by_hand():
    """Four gains of mean 0.25 and deviation 0.5: 0.25 - 1.96 x 0.25."""
    assert validation.lower_limit(np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(-0.24)
    assert np.isnan(validation.lower_limit(np.array([1.0])))


def test_authentic_images_count_in_no_pixel_auc():
    (made,) = batches(count=1)
    made.mask[:4] = False
    found = columns(Classical(blind.centre), [made])
    assert np.isnan(found["pixel_auc"][:4]).all() and np.isfinite(found["pixel_auc"][4:]).all()
    assert validation.value("pixel_auc", found) == pytest.approx(found["pixel_auc"][4:].mean())
    assert np.isnan(validation.value("pixel_auc", {"pixel_auc": np.full(3, np.nan)}))


def test_an_image_score_is_held_against_smoothness():
    """Forged images are rough as wholes: a score by roughness is no more than the rule."""
    made = batches()
    for batch in made:
        batch.mask[:4] = False
        batch.image[:4] = 0.5
    rough = Classical(blind.high_pass)
    said = validation.learned("image_auc", columns(rough, made), made)
    assert not said["learned"]
    assert said["validation"]["control"] == "most textured"
    assert said["validation"]["control_value"] == said["validation"]["value"] == 1


def test_an_image_score_beyond_the_rule():
    made = batches()
    for batch in made:
        batch.mask[:4] = False
        batch.image[:] = torch.rand_like(batch.image)
    found = columns(Classical(blind.centre), made)
    found["score"] = np.where(found["forged"] > 0, 0.9, 0.1)
    said = validation.learned("image_auc", found, made)
    assert said["learned"] and said["validation"]["value"] == 1


def test_a_difference_of_aucs_by_hand():
    """Two forged, two authentic. Ours orders all four pairs, theirs two of them.

    Placements of the forged: ours 1 and 1, theirs 1 and 0; of the authentic: 1 and 1, 1/2 and 1/2.
    Gains of the forged 0 and 1 (variance 1/2), of the authentic 1/2 and 1/2: error 1/2.
    """
    forged = np.array([1.0, 1.0, 0.0, 0.0])
    ours = {"score": np.array([0.9, 0.8, 0.1, 0.2]), "forged": forged}
    theirs = {"score": np.array([0.9, 0.1, 0.5, 0.6]), "forged": forged}
    assert validation._auc_limit("image_auc", ours, theirs) == pytest.approx(0.5 - 1.96 / 2)


def guesses(right: int, classes: int, count: int = 100) -> validation.Columns:
    """``right`` of ``count`` images are named right; the rest are nowhere among the best ten."""
    target = torch.arange(count) % classes
    said = torch.zeros(count, classes)
    said[torch.arange(count), target] = torch.where(torch.arange(count) < right, 1.0, -1.0)
    return validation.joined([validation.classified(said, target)])


@pytest.mark.parametrize(("right", "has"), [(28, False), (45, True)])
def test_a_classifier_against_its_largest_class(right, has):
    """Of 100 images 15 are of the largest of seven classes; the interval reaches 9 below 28."""
    said = validation.learned("top_1", guesses(right, 7), [], 7)
    assert said["learned"] == has
    assert said["validation"]["control_value"] == 0.15
    assert said["validation"]["value"] == right / 100


@pytest.mark.parametrize(("right", "has"), [(15, False), (25, True)])
def test_many_classes_against_five_times_chance(right, has):
    said = validation.learned("top_1", guesses(right, 385), [], 385)
    assert said["learned"] == has
    assert said["validation"]["measure"] == "top_10"
    assert said["validation"]["control_value"] == pytest.approx(50 / 385, abs=1e-4)


@pytest.mark.parametrize(("run", "measure"), [(RUN, "pixel_auc"), (BASE, "top_1")])
def test_training_records_it(workplace, tiny, run, measure):
    one = job(run, tiny)
    trained(one)
    record = files.read_json(one.cached(".json"))
    assert record["learned"] in (True, False)
    kept = min(record["history"], key=lambda row: row["valid_loss"])
    assert record["validation"]["value"] == pytest.approx(kept[f"valid_{measure}"], abs=1e-4)
    assert train.load(one)


def test_what_is_undefined_is_null():
    assert validation._record(False, {"gain": float("nan"), "control": "centre"}) == {
        "learned": False,
        "validation": {"gain": None, "control": "centre"},
    }
