"""L5: the files that `posemark get` fetches, and a check of their registered addresses."""
