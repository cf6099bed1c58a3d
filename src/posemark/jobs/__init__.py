"""L5: what to run (plan) and running it (local)."""
