"""L5: what `posemark get` fetches, and whether the registered addresses still lead there."""
