"""The three ways in which official repositories map a person box to a crop, as named data.

The formulas that read these fields are in boxes.py and affine.py; docs/conventions.md compares
the three. A network reaches its published AP only under its own convention.
"""

from posemark.core.convention import Convention

# leoxiaobin/deep-high-resolution-net.pytorch; the FPD repository uses the same code.
HRNET = Convention(
    "hrnet", extent=0, keep_line_boxes=True, flip_shift=1, missing_xy=0.0, unpadded_x=-1.0
)

# ilovepose/DarkPose and yangsenius/TransPose use this convention.
DARK = Convention(
    "dark", extent=1, keep_line_boxes=True, flip_shift=0, missing_xy=0.0, unpadded_x=-1.0
)

# open-mmlab/mmpose 0.x uses this convention, and so does HRNet/Lite-HRNet, which builds on it.
MMPOSE0 = Convention("mmpose0", extent=0, keep_line_boxes=False, flip_shift=1, missing_xy=-1.0)
