"""L1: the only home of pixel-centre rules (boxes, affines, crops, flips, OKS, NMS)."""
