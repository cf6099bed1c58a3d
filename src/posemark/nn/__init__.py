"""L1: torch blocks that two or more families share exactly, and weights by formula."""
