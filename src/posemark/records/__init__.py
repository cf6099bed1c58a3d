"""L1: raw records of runs, append-only and with a schema version. No statistics, no rendering."""
