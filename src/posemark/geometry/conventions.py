"""The three ways official repositories map a person box to a crop, as named data.

The formulas that read these fields are in boxes.py and affine.py; docs/conventions.md
shows them side by side. A network only reaches its published AP under its own convention.
"""

from posemark.core.convention import Convention

# leoxiaobin/deep-high-resolution-net.pytorch; the FPD repository took it over unchanged.
HRNET = Convention(
    "hrnet", extent=0, keep_line_boxes=True, flip_shift=1, missing_xy=0.0, unpadded_x=-1.0
)

# ilovepose/DarkPose and yangsenius/TransPose.
DARK = Convention(
    "dark", extent=1, keep_line_boxes=True, flip_shift=0, missing_xy=0.0, unpadded_x=-1.0
)

# open-mmlab/mmpose 0.x, and with it HRNet/Lite-HRNet.
MMPOSE0 = Convention("mmpose0", extent=0, keep_line_boxes=False, flip_shift=1, missing_xy=-1.0)
