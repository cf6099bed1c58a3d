"""Named settings: what `tune` found, as a file that `run` and `load` accept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from posemark.core import toml
from posemark.core.errors import UsageError
from posemark.core.places import CACHE_REMEDY, with_home, write_whole
from posemark.run.options import Options, as_key, out_of_range, require_consistent
from posemark.run.plan import Job
from posemark.run.prepare import spec_of_entry, tag_of, weights_of
from posemark.run.settings_folder import SUFFIX, folder_of, saved
from posemark.runtimes.registry import CHANNELS_LAST, runtimes

KEYS = (
    *("runtime", "precision", "device", "layout", "calibrate"),
    *("threads", "persons", "max_batch", "codec"),
)
"""The options that a setting may choose, by their names in Options."""


def setting_of(options: Options, cores: int) -> dict[str, object]:
    """What these options have beyond the defaults on a machine with so many usable cores."""
    usual = Options(options.data, cores)
    found = {name: getattr(options, name) for name in KEYS}
    return {name: value for name, value in found.items() if value != getattr(usual, name)}


def require_name(name: str) -> None:
    """Check that a setting can be called so.

    Raises:
        UsageError: if not.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} cannot name a setting: use letters, digits, '-' and '_'.")


def write(path: Path, setting: Mapping[str, object], remarks: Sequence[str]) -> None:
    """Keep a setting, in place of one of that name; remarks: one comment line each.

    Raises:
        UsageError: if it cannot be written.
    """
    lines = [f"# {remark}" for remark in remarks]
    # TOML writes these strings and whole numbers as JSON does.
    lines += [as_key(name, value) for name, value in setting.items()]
    try:
        write_whole(path, "\n".join([*lines, ""]).encode())
    except OSError as error:
        raise UsageError(
            f"{path}: the setting cannot be kept ({error.strerror}). {CACHE_REMEDY}"
        ) from error


def read(path: Path) -> dict[str, object]:
    """The options that a setting file chooses, by their names in Options.

    Raises:
        UsageError: if there is none, a key or value is unknown, or keys contradict each other;
            names file and key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: no such setting ({error.strerror}). Give a name that `posemark tune` "
            f"saved, or the path of a {SUFFIX} file."
        ) from error
    try:
        options, chosen = _options(toml.parsed(content))
    except ValueError as error:  # msgspec's are, too
        raise UsageError(
            f"{path}: this is no setting: {error}. A setting is TOML with some of the keys "
            f"{', '.join(KEYS)}."
        ) from error
    _require_known(path, options)
    try:
        require_consistent(options, as_key)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return chosen


def _options(parsed: Mapping[str, object]) -> tuple[Options, dict[str, object]]:
    """Options in which a file's keys replace the defaults, and what it chose of them.

    Raises:
        ValueError: for a key that no setting has, or a value of another type or range.
    """
    unknown = [name for name in parsed if name not in KEYS]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    options = msgspec.convert({"data": "sample", "threads": 1} | dict(parsed), Options)
    wrong = out_of_range(options)
    if wrong:
        raise ValueError(wrong)
    return options, {name: getattr(options, name) for name in KEYS if name in parsed}


def _require_known(path: Path, options: Options) -> None:
    for key, known in (("runtime", runtimes()), ("layout", (CHANNELS_LAST,))):
        value = getattr(options, key)
        if value is not None and value not in known:
            raise UsageError(
                f"{path}: {key} = {value!r} is unknown; expected {' or '.join(known)}."
            )


def find(text: str, entry: str) -> Path:
    """The file of a setting: a path (ends in .toml), or a name that tune saved for an entry.

    Raises:
        UsageError: if no setting of that name is kept for the entry.
    """
    if text.endswith(SUFFIX):
        return with_home(text)
    path = folder_of(entry) / f"{text}{SUFFIX}"
    if path.is_file():
        return path
    here = [each.stem for each in saved(entry)]
    known = f"It has {', '.join(here)}." if here else "It has none so far."
    raise UsageError(
        f"no setting {text!r} is kept for {entry}. {known} `posemark tune {entry}` makes one; a "
        f"file is named with its ending {SUFFIX}."
    )


def with_setting(job: Job, text: str, explicit: Collection[str] = ()) -> Job:
    """The job under a setting. explicit: options that the user gave, which must not contradict.

    Raises:
        UsageError: as find and read, or where an explicit option contradicts the setting.
        CheckpointError: if the job's weights are not here.
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
                f"{chosen[name]!r}. Leave --{option} or --setting out."
            )
    options = replace(job.options, **chosen)
    require_consistent(options)
    return replace(job, options=options)
