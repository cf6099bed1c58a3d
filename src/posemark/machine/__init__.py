"""L4: what this machine attains: fixed workloads, how fast they run, and the peak that is kept."""
