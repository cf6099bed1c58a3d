"""L4: predictions and ground truth -> accuracy. Pure."""
