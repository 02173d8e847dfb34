"""One readable file per paper: symbols, equations in the order of its sections, departures."""
