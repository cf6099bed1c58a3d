"""L0: frozen data that every layer shares. Standard library and numpy only."""
