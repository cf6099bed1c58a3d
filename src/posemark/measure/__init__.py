"""L4: measures time. Knows frames and the names of stages, but no model and no image."""

PROTOCOL = 2
"""The version of docs/protocol.md; results of different versions are not compared."""
