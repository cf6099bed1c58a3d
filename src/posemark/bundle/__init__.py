"""L5: a benchmark for devices on which PoseMark cannot be installed, as one zip."""
