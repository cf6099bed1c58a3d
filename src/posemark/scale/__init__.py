"""L5: runs on several processes and machines by way of Ray (docs/scale.md)."""
