"""L4: the peak rates of this machine: fixed workloads, their timing, and the stored result."""
