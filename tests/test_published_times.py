"""A published time that operations exclude, one that they allow, and one that is measured."""

from imdl_lib import published_times
from imdl_lib.verdicts import FAILED, HELD, OPEN, outcomes


def test_operations_exclude_a_time_that_even_fewest_products_exceed():
    """1.75 at 11.34 a second, and 5.06 times faster."""
    assert published_times.possible(0.019, 1.75) == (
        FAILED,
        "1.75 x 10^12 operations take a GTX 1080 Ti 0.154 s at its peak, 0.030 s if every "
        "product were one of Winograd's; 0.019 s published",
    )
    assert published_times.possible(0.019, 1.0)[0] == OPEN


def test_a_slower_machine_refutes_nothing():
    assert published_times.measured(0.019, 0.019) == (HELD, "0.019 s on the machine of run.json")
    assert published_times.measured(0.019, 9.5) == (OPEN, "9.5 s on the machine of run.json")


def test_a_judge_reads_both_facts(store, tiny):
    judge = published_times.within(0.8, "1024x768", "mantranet/released")
    for seconds, outcome in ((0.5, HELD), (30.0, OPEN)):
        facts = {"teraflop_1024x768": 6.5, "seconds_1024x768": seconds}
        store("tiny", "mantranet/released", {"set": ["a"], "image": ["0"]}, **facts)
        assert outcomes(judge.rule("tiny", {})) == [OPEN, outcome]
    assert judge.runs == {"mantranet/released"}
