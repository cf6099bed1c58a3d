"""All kinds of hostile input: one for every parser of bytes from outside."""

from importlib import import_module

from hostile.kind import Kind

MODULES = {
    "images": ("image-headers", "images"),
    "lists": ("annotations", "detections"),
    "run_records": ("records", "truth", "reports", "reports-truth"),
    "cards_and_settings": ("cards", "detector-cards", "settings"),
    "weights_files": ("zip", "pickle", "stream", "tar", "safetensors", "caffemodel", "onnx"),
    "downloaded": ("archives", "archive-tables", "notes", "answers"),
    "videos": ("videos",),
    "peaks": ("peaks",),
    "annotated": ("image-tables", "plans", "ledgers"),
    "bundles": ("bundle-entries", "bundle-frames", "bundle-records", "plain-png"),
}
"""The modules in this folder with the names of their kinds."""

NAMES = tuple(name for names in MODULES.values() for name in names)


def kind_of(name: str) -> Kind:
    """Return a kind by its name; only its own module is imported, because some import torch."""
    module = next(module for module, names in MODULES.items() if name in names)
    return import_module(f"hostile.{module}").KINDS[name]
