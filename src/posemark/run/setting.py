"""Named settings: the options that `tune` found, in files that `run` and `load` accept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.core import toml
from posemark.core.errors import UsageError
from posemark.core.places import CACHE_REMEDY, is_file, with_home, write_whole
from posemark.core.text import shortened
from posemark.measure.environment import usable_cores
from posemark.run.options import Options, as_key, require_consistent, with_choices
from posemark.run.plan import Job
from posemark.run.prepare import spec_of_entry, tag_of, weights_of
from posemark.run.settings_folder import SUFFIX, folder_of, saved
from posemark.runtimes.registry import CHANNELS_LAST, runtimes

KEYS = (
    *("runtime", "precision", "device", "layout", "calibrate"),
    *("threads", "persons", "max_batch", "codec", "mode", "streams"),
)
"""The options that a setting may choose, by their names in Options."""

MODES = ("burst", "overlapped")
"""The modes that a setting may choose: the others say how long to measure, not how to run."""


def setting_of(options: Options, cores: int) -> dict[str, object]:
    """Return the options of KEYS that differ from the defaults, by name.

    Args:
        options: the options.
        cores: the number of usable CPU cores, which is the default of `threads`.
    """
    usual = Options(options.data, cores)
    found = {name: getattr(options, name) for name in KEYS}
    return {name: value for name, value in found.items() if value != getattr(usual, name)}


def require_name(name: str) -> None:
    """Check that a setting may have this name.

    Raises:
        UsageError: if the name has other characters than letters, digits, "-" and "_".
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} cannot name a setting: use letters, digits, '-' and '_'.")


def write(path: Path, setting: Mapping[str, object], remarks: Sequence[str]) -> None:
    """Write a setting file, or replace it.

    Args:
        path: the file.
        setting: the chosen options by name, as setting_of() returns them.
        remarks: comments, one line each.

    Raises:
        UsageError: if the file cannot be written.
    """
    lines = [f"# {remark}" for remark in remarks]
    # TOML writes these strings and whole numbers as JSON does.
    lines += [as_key(name, value) for name, value in setting.items()]
    try:
        write_whole(path, "\n".join([*lines, ""]).encode())
    except OSError as error:
        raise UsageError(
            f"{path}: the setting cannot be saved ({error.strerror}). {CACHE_REMEDY}"
        ) from error


def read(path: Path) -> dict[str, object]:
    """Return the options that a setting file chooses, by their names in Options.

    Raises:
        UsageError: if the file cannot be read, a key or value is unknown, or keys contradict each
            other. The message names the file and the key.
    """
    try:
        content = toml.content_of(path)
    except (OSError, ValueError) as error:  # ValueError: impossible file name, or too large
        raise UsageError(
            f"{path}: the setting cannot be read ({getattr(error, 'strerror', None) or error}). "
            f"Give a name that `posemark tune` saved, or the path of a {SUFFIX} file."
        ) from error
    try:
        options, chosen = _options(toml.parsed(content))
    except ValueError as error:  # msgspec's errors are ValueErrors, too
        raise UsageError(
            f"{path}: this is not a setting: {shortened(str(error))}. A setting is TOML with some "
            f"of the keys {', '.join(KEYS)}."
        ) from error
    _require_known(path, options)
    try:
        require_consistent(options, as_key)
    except UsageError as error:
        raise UsageError(f"{path}: {shortened(str(error), 600)}") from error
    return chosen


def _options(parsed: Mapping[str, object]) -> tuple[Options, dict[str, object]]:
    """Return the defaults with the values of a file, and these values alone.

    Raises:
        ValueError: if a key is not in KEYS, or a value has another type or is out of range.
    """
    unknown = [name for name in parsed if name not in KEYS]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    options = with_choices(Options("sample", threads=usable_cores()), parsed)
    return options, {name: getattr(options, name) for name in KEYS if name in parsed}


def _require_known(path: Path, options: Options) -> None:
    for key, known in (("runtime", runtimes()), ("layout", (CHANNELS_LAST,)), ("mode", MODES)):
        value = getattr(options, key)
        if value is not None and value not in known:
            raise UsageError(
                f"{path}: {key} = {shortened(repr(value), 80)} is unknown; expected "
                f"{' or '.join(known)}."
            )


def find(text: str, entry: str) -> Path:
    """Return the file of a setting.

    Args:
        text: a path that ends in .toml, or a name under which `tune` saved a setting.
        entry: the name of the entry with its weights, as Job.name() returns it.

    Raises:
        UsageError: if no setting of that name is saved for the entry. The message lists those
            that are. A path is not checked.
    """
    if text.endswith(SUFFIX):
        return with_home(text)
    path = folder_of(entry) / f"{text}{SUFFIX}"
    if is_file(path):
        return path
    names = [each.stem for each in saved(entry)]
    known = f"Its saved settings: {', '.join(names)}." if names else "It has no settings yet."
    raise UsageError(
        f"no setting {text!r} is saved for {entry}. {known} `posemark tune {entry}` makes one. To "
        f"use a file, give its path with the ending {SUFFIX}."
    )


def with_setting(job: Job, text: str, explicit: Collection[str] = ()) -> Job:
    """Return the job with the options of a setting.

    Args:
        job: the job.
        text: the setting, as in find().
        explicit: names of the options that the user gave; the setting must not contradict them.

    Raises:
        UsageError: as find() and read() do, or if the setting contradicts an explicit option, or
            options contradict each other.
        CheckpointError: if the weights of the job are not on this machine.
        CardError: if the card of the entry has a mistake.
    """
    spec = spec_of_entry(job.entry)
    path = find(text, job.name(tag_of(spec, weights_of(spec, job.options.weights))))
    chosen = read(path)
    for name in chosen:
        given = getattr(job.options, name)
        if name in explicit and given != chosen[name]:
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} {given} contradicts the setting {path}, which has {name} = "
                f"{shortened(repr(chosen[name]), 80)}. Leave --{option} or --setting out."
            )
    options = replace(job.options, **chosen)
    require_consistent(options)
    return replace(job, options=options)
