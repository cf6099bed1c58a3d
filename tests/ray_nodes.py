"""Starts a Ray cluster of several nodes as processes of this machine, and kills some on request.

Run as a program of its own, since tests have no sockets. It prints the address of the cluster, and
then reads one command per line from its input: "node" kills a node without a head, "end" ends all.
"""

import os
import subprocess
import sys
from contextlib import contextmanager

import psutil


def main(nodes, cpus):
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    args = {"num_cpus": cpus, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=args | {"num_cpus": 0})
    others = [cluster.add_node(num_cpus=cpus) for _ in range(nodes)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        cluster.remove_node(others.pop(), allow_graceful=False)
        print("killed", flush=True)
    cluster.shutdown()


class Nodes:
    """A running cluster.

    Attributes:
        address: HOST:PORT of its head, which has no CPUs to work with.
    """

    def __init__(self, process):
        self._process = process
        self.address = process.stdout.readline().strip()
        assert self.address, process.stderr.read()

    def worker(self, name):
        """Return the process of one worker whose title begins so."""
        processes = psutil.Process(self._process.pid).children(recursive=True)
        return next(each for each in processes if each.cmdline()[:1] and name in each.cmdline()[0])

    def kill_node(self):
        self._process.stdin.write("node\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"


@contextmanager
def running(nodes, cpus=1):
    """Start a cluster of a head without CPUs and some nodes; end it with the block.

    It has no token, so programs that are started in the block must not use that of the user.
    """
    os.environ["RAY_AUTH_MODE"] = "disabled"
    process = subprocess.Popen(
        [sys.executable, __file__, str(nodes), str(cpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Nodes(process)
    finally:
        process.communicate("end\n", timeout=60)
        del os.environ["RAY_AUTH_MODE"]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
