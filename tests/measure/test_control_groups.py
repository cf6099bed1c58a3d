"""Limits of control groups, from files as Linux has them in both versions."""

import psutil
import pytest

from posemark.measure import control_groups, environment
from posemark.measure.control_groups import cpu_quota, free_memory


def groups(root, text):
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(text)


def group(root, path, **files):
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def test_the_least_quota_of_a_group_and_those_above_it_counts(tmp_path):
    groups(tmp_path, "0::/outer/inner\n")
    group(tmp_path, "outer", cpu__max="150000 100000")
    group(tmp_path, "outer/inner", cpu__max="max 100000")
    assert cpu_quota(tmp_path) == 1.5
    group(tmp_path, "outer/inner", cpu__max="50000 100000")
    assert cpu_quota(tmp_path) == 0.5


def test_a_path_of_the_host_leaves_the_group_that_is_mounted(tmp_path):
    groups(tmp_path, "0::/docker/0123\n")
    group(tmp_path, ".", cpu__max="200000 100000")
    assert cpu_quota(tmp_path) == 2


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_quotas_of_version_1_are_read(tmp_path, mount):
    groups(tmp_path, "5:memory:/a\n4:cpu,cpuacct:/a/b\n0::/\n")
    group(tmp_path, f"{mount}/a", cpu__cfs_quota_us="300000", cpu__cfs_period_us="100000")
    group(tmp_path, f"{mount}/a/b", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert cpu_quota(tmp_path) == 3


def test_without_groups_or_limits_there_is_no_quota(tmp_path):
    assert cpu_quota(tmp_path) is None
    groups(tmp_path, "0::/\n")
    assert cpu_quota(tmp_path) is None
    group(tmp_path, ".", cpu__max="nonsense")
    assert cpu_quota(tmp_path) is None


# --- memory ---------------------------------------------------------------------------------------


def test_the_tightest_memory_limit_counts_and_old_files_in_memory_are_free(tmp_path):
    groups(tmp_path, "0::/outer/inner\n")
    used = {"memory__current": "700", "memory__stat": "anon 400\ninactive_file 200"}
    group(tmp_path, "outer", memory__max="1000", **used)
    assert free_memory(tmp_path) == 500
    group(tmp_path, "outer/inner", memory__max="max", memory__current="5")
    assert free_memory(tmp_path) == 500
    group(tmp_path, "outer/inner", memory__max="650", **used)
    assert free_memory(tmp_path) == 150
    group(tmp_path, "outer/inner", memory__max="400", **used)
    assert free_memory(tmp_path) == 0


def test_memory_limits_of_version_1_are_read(tmp_path):
    groups(tmp_path, "5:memory:/of/the/host\n4:cpu,cpuacct:/a/b\n")
    group(
        tmp_path,
        "memory",
        memory__limit_in_bytes="1000",
        memory__usage_in_bytes="600",
        memory__stat="total_inactive_file 50",
    )
    assert free_memory(tmp_path) == 450


def test_without_a_memory_limit_nothing_is_said(tmp_path):
    assert free_memory(tmp_path) is None
    groups(tmp_path, "0::/\n")
    assert free_memory(tmp_path) is None
    group(tmp_path, ".", memory__max="max", memory__current="600")
    assert free_memory(tmp_path) is None


@pytest.mark.parametrize(("limit", "expected"), [(None, 10_000), (700, 700), (20_000, 10_000)])
def test_free_is_what_the_machine_and_the_limit_leave(monkeypatch, limit, expected):
    class Machine:
        available = 10_000

    monkeypatch.setattr(psutil, "virtual_memory", Machine)
    monkeypatch.setattr(control_groups, "free_memory", lambda: limit)
    assert environment.free_memory() == expected
