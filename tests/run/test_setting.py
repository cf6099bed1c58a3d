"""Settings: written, found, read, and applied to a job."""

from dataclasses import replace

import pytest

from posemark.core.errors import UsageError
from posemark.run import setting
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.setting import folder_of, read, setting_of, with_setting, write

ENTRY = "naive-litehrnet-18-256x192@gt"
USUAL = Options("sample", 4)

LONG = "a" * 5000
"""Longer than the name of any file may be."""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))


def job(**changes):
    return plan([ENTRY], replace(USUAL, **changes))[0]


def kept(name="best", **chosen):
    path = folder_of(ENTRY) / f"{name}.toml"
    write(path, chosen, ["a remark"])
    return path


def test_a_setting_is_what_differs_from_the_defaults_and_comes_back_as_it_was():
    options = replace(
        USUAL, runtime="openvino", precision="int8", calibrate='coco:a "b"\\c', threads=2,
        persons="batched", max_batch=4, limit=7,
    )  # fmt: skip
    path = folder_of(ENTRY) / "best.toml"
    write(path, setting_of(options, 4), ["made for a test", "second line"])
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# made for a test\n# second line\nruntime = ")
    assert with_setting(job(), "best").options == replace(options, limit=None)
    assert setting_of(USUAL, 4) == {}


def test_a_setting_may_overlap_frames():
    options = replace(USUAL, mode="overlapped", streams=2)
    assert setting_of(options, 4) == {"mode": "overlapped", "streams": 2}
    path = kept(mode="overlapped", streams=2)
    found = with_setting(job(), str(path)).options
    assert (found.mode, found.streams, found.threads_per_frame) == ("overlapped", 2, 2)
    kept(mode="sustained")
    with pytest.raises(UsageError, match="mode = 'sustained' is unknown; expected burst or over"):
        with_setting(job(), "best")


def test_a_setting_is_named_or_a_file_and_leaves_the_rest_alone():
    path = kept(threads=1, codec="argmax")
    for text in ("best", str(path)):
        found = with_setting(job(flip=True, precision="bf16"), text).options
        assert (found.threads, found.codec, found.flip, found.precision) == (
            *(1, "argmax", True, "bf16"),
        )


def test_an_explicit_option_may_say_the_same_but_not_contradict():
    path = kept(max_batch=4, persons="batched")
    agreed = job(max_batch=4, persons="batched")
    assert with_setting(agreed, "best", {"max_batch", "persons"}) == agreed
    with pytest.raises(UsageError) as error:
        with_setting(job(max_batch=2, persons="batched"), "best", {"max_batch"})
    assert str(error.value).startswith(
        f"--max-batch 2 contradicts the setting {path}, which has max_batch = 4."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("thread = 2", ["unknown key 'thread'", "runtime, precision"]),
        ("threads = 0", ["threads: expected 1 to 1024, got 0"]),
        ('threads = "two"', ["`str`", "$.threads"]),
        ('precision = "fp8"', ["fp8", "$.precision"]),
        ('runtime = "magic"', ["runtime = 'magic'", "torch or torch-compile"]),
        ('layout = "rows"', ["layout = 'rows'", "channels-last"]),
        ("threads =", ["this is not a setting"]),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_file_and_key(tmp_path, text, words):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read(path)
    assert all(word in str(error.value) for word in (str(path), *words)), error.value


def test_the_error_for_a_missing_setting_names_the_existing_ones(tmp_path):
    with pytest.raises(
        UsageError, match=rf"saved for {ENTRY}. It has no settings yet. `posemark tune"
    ):
        with_setting(job(), "best")
    kept("small")
    kept("quick")
    with pytest.raises(UsageError, match="Its saved settings: quick, small."):
        with_setting(job(), "best")
    with pytest.raises(UsageError, match=r"none.toml: the setting cannot be read"):
        with_setting(job(), str(tmp_path / "none.toml"))
    with pytest.raises(UsageError, match=r"no setting 'aaa"):
        with_setting(job(), LONG)


def test_a_file_without_end_is_no_setting(tmp_path):
    endless = tmp_path / "endless.toml"
    endless.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"endless.toml: the setting cannot be read \(it has more"):
        with_setting(job(), str(endless))


def test_names_that_could_leave_the_folder_are_refused():
    setting.require_name("my-best_2")
    for name in ("../best", "", "a b", "best.toml"):
        with pytest.raises(UsageError, match="cannot name a setting"):
            setting.require_name(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch = 4", 'max_batch = 4 only applies with persons = "batched"'),
        (
            'calibrate = "sample"\nprecision = "bf16"',
            'calibrate = "sample" only applies with precision = "int8"',
        ),
    ],
)
def test_keys_that_belong_together_come_together(text, message, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read(path)
