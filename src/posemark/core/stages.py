"""The rows of the stage ledger, in the order of a frame."""

STAGES = ("decode", "detect", "preprocess", "infer", "postprocess")

POSE_STAGES = ("preprocess", "infer", "postprocess")
"""What pose FPS counts: neither decoding nor the detector (the blog post's rule)."""
