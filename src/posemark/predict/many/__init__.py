"""Annotation of very many images by the workers of a Ray cluster (docs/scale.md)."""
