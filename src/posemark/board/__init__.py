"""What a single-board computer says of itself in /proc and /sys.

Standard library only, because the runner of an edge bundle contains these modules, too. Nothing
here writes to a device, and no power mode or clock is ever changed.
"""
