"""L0: the frozen data types that every layer shares. Needs only the standard library and numpy."""
