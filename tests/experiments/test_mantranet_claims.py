"""ManTra-Net's own judges on facts for which the answer is known, for and against."""

from imdl_lib import experiments
from imdl_lib.experiments import mantranet
from imdl_lib.verdicts import FAILED, HELD, outcomes


def test_any_size_is_a_fact_of_the_code(store, tiny):
    judge = mantranet.JUDGES["C44"]
    for kept, verb, outcome in ((True, "have", HELD), (False, "lack", FAILED)):
        store("tiny", "mantranet/released", {"set": ["a"], "image": ["0"]}, any_size=kept)
        (comparison,) = judge.rule("tiny", experiments.RUN_BY_ID)
        assert outcomes([comparison]) == [outcome] and comparison.is_constructed
        assert comparison.said == f"maps of square, odd and wide images {verb} their images' sizes"


def test_larger_scenes_are_held_against_the_size_of_training(store, tiny):
    def scenes(at_training: float) -> None:
        auc = {"scenes/2": at_training, "scenes/4": 0.7, "scenes/5": 0.6}
        rows = [(name, f"{n}", value) for name, value in auc.items() for n in range(20)]
        columns = dict(zip(("set", "image", "pixel_auc"), zip(*rows, strict=True), strict=True))
        store("tiny", "mantranet/released", columns)

    for auc, expected in ((0.8, [HELD, HELD]), (0.65, [FAILED, HELD])):
        scenes(auc)
        assert outcomes(mantranet.JUDGES["C35"].rule("tiny", experiments.RUN_BY_ID)) == expected
