"""L4: time. Knows frames and stages by name, no model and no image."""

PROTOCOL = 2
"""Version of docs/protocol.md; results of different versions are not compared."""
