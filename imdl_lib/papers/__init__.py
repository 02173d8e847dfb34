"""One readable file per paper: symbols, equations in the order of its sections, departures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Departure:
    """A place where paper, released code and this library differ."""

    what: str
    paper: str  # what it says, and where
    released: str  # what the released code does
    ours: str
    why: str
