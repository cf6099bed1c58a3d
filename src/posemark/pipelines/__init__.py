"""L3: from an encoded frame to poses, as named stages."""
