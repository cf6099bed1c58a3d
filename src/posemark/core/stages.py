"""The stages of processing whose times a run records, in the order in which a frame passes them."""

STAGES = ("decode", "detect", "preprocess", "infer", "postprocess")

POSE_STAGES = ("preprocess", "infer", "postprocess")
"""The stages that pose FPS counts. Decoding and the detector are excluded, as in the blog post."""
