"""What became of claims: as text, as data, in one sentence; verdicts kept beside their rows.

Judging a paper takes as long as its bootstraps do, so `imdl render` keeps each verdict with a key
over the bytes of all files that it rests on. A kept verdict is taken while those bytes stay.
"""

import hashlib
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from . import files, tables
from .registry import BLIND, DECIDED, VERDICTS, Claim, Verdict
from .verdicts import Runs, chain

Judged = Sequence[tuple[Claim, Verdict]]

WIDTH = 105
KEPT = ["id", "key", "verdict", "was", "evidence"]
READ = ("per_image.csv", "pooled.csv", "run.json")  # of each seed's folder


# Kept verdicts ---------------------------------------------------------------------------------


def key(profile: str, claim: Claim, runs: Runs) -> str:
    """Hash of every stored file that a claim's verdict rests on."""
    told = hashlib.sha256()
    named = {run.id for id in claim.judge.runs for run in chain(id, runs)}
    for run in sorted(named | set(BLIND)):
        for folder in tables.seed_folders(profile, run):
            for path in (folder / name for name in READ):
                if path.exists():
                    told.update(f"{run}/{folder.name}/{path.name} {_digest(path)}\n".encode())
    return told.hexdigest()[:16]


def _digest(path: Path) -> str:
    return _digest_of(path, (path.stat().st_mtime_ns, path.stat().st_size))


@lru_cache(maxsize=4096)  # many claims rest on the same files
def _digest_of(path: Path, version: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def keep(profile: str, paper: str, judged: Iterable[tuple[Claim, str, Verdict]]) -> Path:
    """Store verdicts with their keys; returns the file."""
    path = tables.stored(profile, f"{paper}/claims", ".csv")
    rows = [(claim.id, key, said.verdict, said.was, said.evidence) for claim, key, said in judged]
    with files.whole(path) as temporary:
        pd.DataFrame(rows, columns=KEPT).to_csv(temporary, index=False)
    return path


def kept(profile: str, claim: Claim, key: str) -> Verdict | None:
    """A claim's stored verdict; None where there is none of these files."""
    path = tables.stored(profile, f"{claim.paper}/claims", ".csv")
    if not path.exists():
        return None
    return _kept(path, (path.stat().st_mtime_ns, path.stat().st_size)).get((claim.id, key))


@lru_cache(maxsize=32)
def _kept(path: Path, version: tuple[int, int]) -> dict[tuple[str, str], Verdict]:
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    return {(r["id"], r["key"]): Verdict(r["verdict"], r["evidence"], r["was"]) for r in rows}


# As data, as text ------------------------------------------------------------------------------


def entries(judged: Judged) -> list[dict[str, Any]]:
    """A claim as ``imdl claims --json`` prints it; ``was`` only where a rule was changed."""
    return [
        {"id": claim.id, "paper": claim.paper, "verdict": said.verdict}
        | {"statement": claim.statement, "evidence": said.evidence}
        | ({"was": said.was} if said.was else {})
        for claim, said in judged
    ]


def totals(judged: Judged) -> str:
    """How many claims of each paper have each verdict; decided ones apart."""
    counts = pd.crosstab(
        pd.Series([said.verdict for _, said in judged], name="verdict"),
        pd.Series([claim.paper for claim, _ in judged], name="paper"),
    )
    papers = list(dict.fromkeys(claim.paper for claim, _ in judged))
    counts = counts.reindex([v for v in VERDICTS if v in counts.index or v in DECIDED])[papers]
    counts = counts.fillna(0).astype(int)
    decided = counts.loc[list(DECIDED)].sum()
    others = counts.drop(list(DECIDED))
    shown = pd.concat(
        [
            decided.to_frame("decided").T,
            counts.loc[list(DECIDED)].rename(lambda name: f"  {name}"),
            others.sum().to_frame("not decided").T,
            others.rename(lambda name: f"  {name}"),
        ]
    )
    if len(papers) > 1:
        shown["all"] = shown.sum(axis=1)
    shown.index = shown.index.str.ljust(shown.index.str.len().max())
    return shown.to_string(index_names=False)


def sentence(judged: Judged) -> str:
    """The same for all papers together, in words."""
    counts = Counter(said.verdict for _, said in judged)
    decided = ", ".join(f"{counts[name]} {name}" for name in DECIDED)
    others = [f"{counts[name]} {name}" for name in VERDICTS if counts[name] and name not in DECIDED]
    total = sum(counts[name] for name in DECIDED)
    return f"Of {len(judged)} claims {total} are decided ({decided}); {', '.join(others)}."


def text(judged: Judged) -> str:
    """Claims with what became of them, in the order of `VERDICTS`; the unjudged ones last."""
    order = {verdict: number for number, verdict in enumerate(VERDICTS)}
    return "\n".join(
        line
        for claim, said in sorted(judged, key=lambda pair: order[pair[1].verdict])
        for line in _lines(claim, said)
    )


def _lines(claim: Claim, said: Verdict) -> list[str]:
    number, indent = claim.id.split("-")[1], " " * 5
    before = f" (by an earlier rule: {said.was})" if said.was else ""
    told = {
        f"{number:4} ": f"{said.verdict.upper()}{before}: {claim.statement}",
        indent: f"{claim.place} · {said.evidence}",
    }
    return [
        textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=indent)
        for first, text in told.items()
    ]
