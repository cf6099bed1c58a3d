"""L5: what to run (plan), one job block by block (measurement), and who takes turns (rounds)."""
