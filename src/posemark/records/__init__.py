"""L1: schema-versioned, append-only raw records. No statistics, no rendering."""
