"""How verdicts are told, counted and kept beside the rows that they rest on."""

import json

import pytest

from imdl_lib import report
from imdl_lib.claims import above
from imdl_lib.registry import DECIDED, VERDICTS, Claim, Run, Source, Verdict

RUNS = {
    run.id: run
    for run in (
        Run("invented/a", "pscc_net", {}, ("splice",), ()),
        Run("invented/b", "pscc_net", {}, (), (), init_from="invented/a"),
    )
}


def claim(number: int, paper: str = "invented", run: str = "invented/a") -> Claim:
    judge = above(50, Source(run, "like_columbia", "pixel_auc"))
    return Claim(f"{paper}-C{number}", "Table 1", f"Statement {number}", "a test", judge)


@pytest.fixture
def judged():
    words = ("undecided", "reproduced", "not yet judged", "contradicted", "reproduced")
    papers = ("one", "one", "one", "two", "two")
    return [
        (claim(number, paper), Verdict(word, f"evidence {number}"))
        for number, (paper, word) in enumerate(zip(papers, words, strict=True), start=1)
    ]


def test_totals_keep_decided_claims_apart(judged):
    assert report.totals(judged).splitlines() == [
        "                  one  two  all",
        "decided             1    2    3",
        "  reproduced        1    1    2",
        "  contradicted      0    1    1",
        "  mixed             0    0    0",
        "not decided         2    0    2",
        "  undecided         1    0    1",
        "  not yet judged    1    0    1",
    ]
    assert "all" not in report.totals(judged[:3])


def test_the_sentence_of_the_readme(judged):
    assert report.sentence(judged) == (
        "Of 5 claims 3 are decided (2 reproduced, 1 contradicted, 0 mixed); "
        "1 undecided, 1 not yet judged."
    )


def test_claims_are_told_decided_ones_first(judged):
    lines = report.text(judged[:3]).splitlines()
    assert lines == [
        "C2   REPRODUCED: Statement 2",
        "     Table 1 · evidence 2",
        "C1   UNDECIDED: Statement 1",
        "     Table 1 · evidence 1",
        "C3   NOT YET JUDGED: Statement 3",
        "     Table 1 · evidence 3",
    ]


def test_a_rule_that_was_changed_tells_both_verdicts():
    both = [(claim(1), Verdict("contradicted", "so", was="reproduced"))]
    assert report.text(both).startswith("C1   CONTRADICTED (by an earlier rule: reproduced): ")
    assert report.entries(both)[0]["was"] == "reproduced"


def test_entries_are_data(judged):
    found = json.loads(json.dumps(report.entries(judged)))
    assert found[0] == {
        "id": "one-C1",
        "paper": "one",
        "verdict": "undecided",
        "statement": "Statement 1",
        "evidence": "evidence 1",
    }
    assert {entry["verdict"] for entry in found} <= set(VERDICTS)


ROWS = {"set": ["like_columbia"] * 2, "image": ["0", "1"], "pixel_auc": [0.5, 0.6]}


def test_a_kept_verdict_is_taken_while_its_files_stay(store, tiny):
    one = claim(1)
    assert report.kept("tiny", one, "any key") is None
    store("tiny", "invented/a", ROWS)
    key = report.key("tiny", one, RUNS)
    said = Verdict("mixed", "1 of 2; with a, comma", "undecided")
    path = report.keep("tiny", "invented", [(one, key, said)])
    assert path.name == "claims.csv" and report.kept("tiny", one, key) == said
    assert report.key("tiny", one, RUNS) == key
    store("tiny", "invented/a", ROWS | {"pixel_auc": [0.5, 0.7]})
    other = report.key("tiny", one, RUNS)
    assert other != key and report.kept("tiny", one, other) is None


@pytest.mark.parametrize(
    "run, seed, changes",
    [
        ("invented/a", 0, {"learned": True}),  # its record
        ("invented/a", 1, {}),  # another seed
        ("blind/centre", 0, {}),
    ],
)
def test_the_key_is_over_every_file_that_a_verdict_rests_on(store, tiny, run, seed, changes):
    borrowing = claim(1, run="invented/b")
    for id in RUNS:
        store("tiny", id, ROWS)
    before = report.key("tiny", borrowing, RUNS)
    store("tiny", run, ROWS, seed=seed, **changes)
    assert report.key("tiny", borrowing, RUNS) != before
    other = report.key("tiny", borrowing, RUNS)
    store("tiny", "invented/stranger", ROWS)
    assert report.key("tiny", borrowing, RUNS) == other


def test_decided_words_come_first():
    assert VERDICTS[: len(DECIDED)] == DECIDED
