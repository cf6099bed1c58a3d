"""L4: time. Knows frames and stages by name, no model and no image."""

PROTOCOL = 1
"""Version of docs/protocol.md; results of different versions are not compared."""
