"""L1: torch blocks that two or more model families share exactly, and weights by formula."""
