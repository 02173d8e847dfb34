"""UEN's own judges on facts and rows for which the answer is known, for and against."""

import numpy as np
import pytest

from imdl_lib import experiments
from imdl_lib.experiments import uen
from imdl_lib.verdicts import FAILED, HELD, OPEN, outcomes

NOISE = np.random.default_rng(0).normal(0, 0.1, 40)


def comes_to(number: str) -> list[str]:
    return outcomes(uen.JUDGES[number].rule("tiny", experiments.RUN_BY_ID))


def rows(set: str, kind: str = "", **columns: float) -> dict:
    """Forty images whose columns lie so high, each with the same noise."""
    values = {name: value + NOISE for name, value in columns.items()}
    names = [f"Tp_D_ani{number:05d}" for number in range(40)]  # CASIA's: each of its own host
    about = {"image": names, "kind": [kind] * 40, "forged_share": [0.2] * 40}
    return {"set": [set] * 40} | about | values


def test_half_of_what_is_printed():
    """87.7 and 62.9 with UEN, 84.6 and 59.7 without; ours and PSCC-Net's of NIST16 tie."""
    vanilla = uen._halves(
        "Table 2", ("vanilla, ImageNet", "w/ UEN"), ("vanilla, ImageNet", "w/o UEN")
    )
    assert vanilla == {"pixel AUC": pytest.approx(1.55), "pixel F1": pytest.approx(1.6)}
    tie = uen._halves("Table 1", ("Ours", "NIST16"), ("PSCC-Net* [25]", "NIST16"))
    assert tie == {"pixel AUC": 0, "pixel F1": pytest.approx(5.65)}


@pytest.mark.parametrize(("most", "outcome"), [(1.25, HELD), (1.4, OPEN), (1.6, FAILED)])
def test_hardly_slower(most, outcome):
    said = f"T = 200 takes {most:.2f} times what T = 25 takes, one forward at 256 px"
    assert uen._hardly_slower(1.0, most) == (outcome, said)


def test_u_p_must_find_wrong_pixels_better_than_plain_entropy(store, tiny):
    """Better than chance alone is what the entropy of any fair map is."""

    def found(own: float) -> None:
        columns = {"wrong_auc": own, "wrong_auc_matched": own}
        plain = {f"plain_{name}": 0.8 for name in columns}
        store("tiny", "uen/released", rows(uen.REAL, **columns, **plain))

    for own, outcome in ((0.85, HELD), (0.8, OPEN), (0.75, FAILED)):
        found(own)
        assert comes_to("C17") == [HELD, HELD, outcome, outcome]


def test_variance_must_tell_objects_better_than_plain_entropy(store, tiny):
    places = {"variance_inside": 0.5, "variance_border": 0.5, "variance_outside": 0.2}
    for own, outcome in ((0.85, HELD), (0.75, FAILED)):
        store(
            "tiny", "uen/released", rows(uen.REAL, object_auc=own, plain_object_auc=0.8, **places)
        )
        assert comes_to("C16") == [HELD, HELD, outcome]


def test_uen_must_make_up_for_half_of_what_pre_training_gains(store, tiny):
    """From .3 without to .5 with pre-training; with UEN alone, above or below .4."""
    for name, f1 in (("pscc-plain", 0.3), ("pscc-synth-plain", 0.5)):
        store("tiny", f"uen/{name}", rows(uen.REAL, pixel_f1_best_per_image=f1))
    for own, outcome in ((0.45, HELD), (0.35, FAILED)):
        store("tiny", "uen/pscc", rows(uen.REAL, pixel_f1_best_per_image=own))
        assert comes_to("C7") == [outcome, HELD]


def test_without_data_uncertainty_half_of_the_gain_must_be_lost(store, tiny):
    levels = {"both": (0.8, 0.8), "plain": (0.7, 0.6), "model": (0.8, 0.65)}  # at 10 and 50 %
    for name, (low, high) in levels.items():
        for noise, auc in ((10, low), (50, high)):
            store("tiny", f"uen/nist-{name}-{noise}", rows(uen.NIST, pixel_auc=auc))
    assert comes_to("C11") == [HELD, HELD, HELD]
    store("tiny", "uen/nist-model-50", rows(uen.NIST, pixel_auc=0.75))
    assert comes_to("C11") == [FAILED, HELD, HELD]
    store("tiny", "uen/nist-model-10", rows(uen.NIST, pixel_auc=0.7))
    assert comes_to("C11") == [FAILED, HELD, FAILED]


def test_wrong_labels_must_raise_the_variance(store, tiny):
    def taught(emptied: float) -> None:
        aucs = {"wrong_auc": 0.8, "wrong_auc_matched": 0.8}
        aucs |= {f"plain_{name}": 0.7 for name in aucs}
        kept = rows(uen.TAUGHT, "kept", variance_inside=0.3, variance_outside=0.2, **aucs)
        lost = rows(uen.TAUGHT, "emptied", variance_inside=emptied, variance_outside=0.2, **aucs)
        lost["image"] = [f"other-{name}" for name in lost["image"]]
        both = {name: [*kept[name], *lost[name]] for name in kept}
        for noise in (30, 50):
            store("tiny", f"uen/nist-both-{noise}", both)

    taught(0.5)
    assert comes_to("C21") == [HELD] * 8
    taught(0.25)
    assert comes_to("C21") == [FAILED, HELD, HELD, HELD] * 2
