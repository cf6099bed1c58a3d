"""Named settings: what `tune` found, as a file that `run` and `load` accept."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from posemark.core import toml
from posemark.core.errors import UsageError
from posemark.core.places import CACHE_REMEDY, with_home, write_whole
from posemark.run.plan import Job, Options
from posemark.run.prepare import spec_of_entry, tag_of, weights_of
from posemark.run.settings_folder import SUFFIX, folder_of, saved
from posemark.runtimes.registry import CHANNELS_LAST, runtimes


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The options that a setting chooses, under their names in Options; None leaves one alone."""

    runtime: str | None = None
    precision: Literal["fp32", "bf16", "fp16", "int8"] | None = None
    device: str | None = None
    layout: str | None = None
    calibrate: str | None = None
    threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    persons: Literal["serial", "batched"] | None = None
    max_batch: Annotated[int, msgspec.Meta(ge=2)] | None = None
    codec: str | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The options that it does not leave alone."""
        return {name: value for name in FIELDS if (value := getattr(self, name)) is not None}


FIELDS: tuple[str, ...] = Setting.__struct_fields__


def setting_of(options: Options, cores: int) -> Setting:
    """What these options have beyond the defaults on a machine with so many usable cores."""
    usual = Options(options.data, cores)
    changed = {
        name: value for name in FIELDS if (value := getattr(options, name)) != getattr(usual, name)
    }
    return Setting(**changed)


def require_name(name: str) -> None:
    """Check that a setting can be called so.

    Raises:
        UsageError: if not.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} cannot name a setting: use letters, digits, '-' and '_'.")


def write(path: Path, setting: Setting, remarks: Sequence[str]) -> None:
    """Keep a setting, in place of one of that name; remarks: one comment line each.

    Raises:
        UsageError: if it cannot be written.
    """
    lines = [f"# {remark}" for remark in remarks]
    # TOML writes these strings and whole numbers as JSON does.
    lines += [f"{name} = {json.dumps(value)}" for name, value in setting.chosen.items()]
    try:
        write_whole(path, "\n".join([*lines, ""]).encode())
    except OSError as error:
        raise UsageError(
            f"{path}: the setting cannot be kept ({error.strerror}). {CACHE_REMEDY}"
        ) from error


def read(path: Path) -> Setting:
    """The setting in a file.

    Raises:
        UsageError: if there is none, or a key or value is unknown; names file and key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: no such setting ({error.strerror}). Give a name that `posemark tune` "
            f"saved, or the path of a {SUFFIX} file."
        ) from error
    try:
        setting = msgspec.convert(toml.parsed(content), Setting)
    except ValueError as error:  # msgspec's are, too
        raise UsageError(
            f"{path}: this is no setting: {error}. A setting is TOML with some of the keys "
            f"{', '.join(FIELDS)}."
        ) from error
    _require_known(path, setting)
    _require_together(path, setting)
    return setting


def _require_known(path: Path, setting: Setting) -> None:
    for key, known in (("runtime", runtimes()), ("layout", (CHANNELS_LAST,))):
        value = getattr(setting, key)
        if value is not None and value not in known:
            raise UsageError(
                f"{path}: {key} = {value!r} is unknown; expected {' or '.join(known)}."
            )


def _require_together(path: Path, setting: Setting) -> None:
    if setting.max_batch and setting.persons != "batched":
        raise UsageError(f'{path}: max_batch is about persons = "batched"; add that.')
    if setting.calibrate and setting.precision != "int8":
        raise UsageError(f'{path}: calibrate is about precision = "int8"; add that.')


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
    chosen = read(path).chosen
    for name in chosen:
        given = getattr(job.options, name)
        if name in explicit and given != chosen[name]:
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} {given} contradicts the setting {path}, which has {name} = "
                f"{chosen[name]!r}. Leave --{option} or --setting out."
            )
    return replace(job, options=replace(job.options, **chosen))
