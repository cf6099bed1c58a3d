"""L1: reads and writes videos, and takes pictures from cameras."""
