"""L5: finds the fastest setting of an entry: the steps to try, the search, the comparisons."""
