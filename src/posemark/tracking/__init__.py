"""L2: who is who in a stream of frames, and poses that do not tremble. Numpy only, no images."""
