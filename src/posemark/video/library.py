"""Imports PyAV, which is optional, and opens video files safely with it."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from posemark.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,flv,asf,ogg,mxf,nut,"
    "gif,mjpeg,yuv4mpegpipe,rm,wtv"
)
"""Formats that hold a video. FFmpeg knows more, such as playlists, which name other files and
addresses, and text files, which it would draw."""

_SAFE = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


def pyav() -> ModuleType:
    """Import PyAV.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UsageError(
            "Videos are read and written with the package av (PyAV), which is not installed. Run "
            "`pip install 'posemark[video]'`."
        ) from error
    return av


def open_container(path: Path) -> "InputContainer":
    """Open a video file; nothing but this file is read, whatever the file names.

    Raises:
        UsageError: if PyAV is not installed.
        DataError: if the file does not exist, is empty, or is no video.
    """
    av = pyav()
    _require_content(path)
    try:
        return av.open(str(path.absolute()), options=_SAFE)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path, str(getattr(error, "strerror", None) or error)) from error


def unreadable(path: Path, reason: str) -> DataError:
    """Return the error for a file from which no video can be read."""
    return DataError(
        f"{path}: expected a video, but none can be read from this file ({reason}). It has another "
        "format, is damaged, or was cut off before its index was written, as a recording that was "
        "not stopped. Use another file, or convert it to MP4 with H.264."
    )


def _require_content(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path}: expected a video file, but it cannot be read ({error.strerror}). Correct "
            "the path."
        ) from error
    if not path.is_file():
        raise DataError(
            f"{path}: expected a video file, but this is a folder or device. Name one file."
        )
    if not size:
        raise DataError(
            f"{path}: expected a video file, but it is empty. Record or download it again."
        )
