"""L5: finding the fastest setting of an entry: what can be tried, the search, the duels."""
