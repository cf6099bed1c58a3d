"""L4: computes accuracy from predictions and ground truth. Pure."""
