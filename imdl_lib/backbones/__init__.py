"""Feature extractors that more than one paper builds on."""
