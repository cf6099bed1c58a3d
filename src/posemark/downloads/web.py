"""Requests files from addresses, over https only, also after redirects.

The library requests handles proxies (HTTPS_PROXY, NO_PROXY), certificates (REQUESTS_CA_BUNDLE
for those of a company) and redirects. Failures are of two kinds: after a BrokenError the same
address may still give the file, after a RefusedError it will not.
"""

import contextlib
import http
import http.client
import queue
import re
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
import urllib3
from requests.adapters import BaseAdapter

_SCHEME = "https://"
_MOST_REDIRECTS = 10
_CONNECT_SECONDS = 15.0
_CHUNK = 1 << 18
_PAUSE = {408, 425, 429, 500, 502, 503, 504}
"""Status codes after which the same request may succeed later."""
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


CUT_OFF = "the connection ended before the end of the file"
WEB_PAGE = "the address gives a web page in place of the file"


class WebError(Exception):
    """An address does not give its file; the message says why.

    Attributes:
        host: whether the whole host cannot be reached, not this address alone.
    """

    def __init__(self, reason: str, host: bool = False) -> None:
        super().__init__(reason)
        self.host = host


class RefusedError(WebError):
    """The address does not give the file, and further requests would not help."""


class BrokenError(WebError):
    """The request failed this time and may succeed later.

    Attributes:
        seconds: how long the server asks the client to wait; 0 if it does not.
    """

    def __init__(self, reason: str, host: bool = False, seconds: float = 0.0) -> None:
        super().__init__(reason, host)
        self.seconds = seconds


class RangeError(BrokenError):
    """The server cannot resume from the first missing byte: the download must start over."""


class _Session(requests.Session):
    """A session for https only: every request, also a redirected one, calls get_adapter."""

    def get_adapter(self, url: str) -> BaseAdapter:
        """Return the adapter that sends a request.

        Raises:
            RefusedError: if the address is not https.
        """
        if not url.lower().startswith(_SCHEME):
            raise RefusedError(f"it leads to {url[:200]!r}, and only https addresses are fetched")
        return super().get_adapter(url)


def session() -> requests.Session:
    """Make a session for `asked` and `look`; the caller closes it or uses it in `with`."""
    made = _Session()
    made.max_redirects = _MOST_REDIRECTS
    # Without compression, so that digests, sizes and ranges are those of the file itself.
    made.headers.update({"User-Agent": "posemark", "Accept-Encoding": "identity"})
    return made


@dataclass
class Reply:
    """A file that is being received.

    Attributes:
        start: the offset of its first byte in the whole file.
        total: bytes of the whole file; None if the server does not say.
        tag: identifies this version of the file (ETag or date); "" if the server sends neither.
    """

    start: int
    total: int | None
    tag: str
    _raw: urllib3.BaseHTTPResponse

    def read(self) -> bytes:
        """Read the bytes that have arrived, at least one; b"" at the end of the file.

        Raises:
            BrokenError: if the connection breaks or stays silent for too long.
        """
        with _explained():
            return self._raw.read1(_CHUNK, decode_content=False)


@contextmanager
def asked(
    asking: requests.Session, url: str, start: int, tag: str, silence: float
) -> Generator[Reply]:
    """Request a file, or the rest of it, from an address.

    Args:
        asking: a session, from session().
        url: the address.
        start: the offset of the first wanted byte; the server may begin at 0 nevertheless.
        tag: the version that was received in part; the server sends another version from its
            beginning. "" for any version.
        silence: seconds without a byte after which the connection counts as broken.

    Raises:
        RefusedError: if the address does not give the file.
        BrokenError: if the request failed this time.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and tag:
        headers["If-Range"] = tag
    with contextlib.closing(_response(asking, url, headers, silence)) as response:
        _require_answer(response)
        _require_file(response)
        first, total = _extent(response)
        raw: urllib3.BaseHTTPResponse = response.raw
        yield Reply(first, total, _tag(response), raw)


def _response(
    asking: requests.Session, url: str, headers: dict[str, str], silence: float
) -> requests.Response:
    """Return a response once its headers are here, within twice the time of `silence`.

    The request runs in a thread of its own, because the timeouts of requests do not end a server
    that sends its headers byte by byte.
    """
    found: queue.SimpleQueue[requests.Response | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            response = asking.get(
                url, headers=headers, stream=True, timeout=(min(silence, _CONNECT_SECONDS), silence)
            )
        except BaseException as error:  # raised again in the thread that waits
            found.put(error)
            return
        if given_up.is_set():
            response.close()
        found.put(response)

    threading.Thread(target=ask, daemon=True).start()
    try:
        result = found.get(timeout=2 * silence)
    except queue.Empty:
        given_up.set()
        raise BrokenError("no answer in time") from None
    if isinstance(result, requests.Response):
        return result
    with _explained():
        raise result


def _require_answer(response: requests.Response) -> None:
    status = response.status_code
    if status in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
        return
    text = f"the server answers {_status_words(status)}"
    if status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise RangeError(text)
    if status in _PAUSE:
        raise BrokenError(text, seconds=_seconds(response.headers.get("Retry-After", "")))
    raise RefusedError(text)


def _status_words(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _seconds(text: str) -> float:
    """Return the seconds of a Retry-After header; 0 if it is not a plain number."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _require_file(response: requests.Response) -> None:
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("", "identity"):
        raise RefusedError(f"the server sends it as {coding[:40]!r}, which was not asked for")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise RefusedError(WEB_PAGE)


def is_page(beginning: bytes) -> bool:
    """Return whether the beginning of a file is that of a web page (HTML)."""
    return _PAGE.match(beginning) is not None


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """Return the offset of the first byte of a response, and the bytes of the whole file."""
    if response.status_code == http.HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found:
            raise RangeError("the server sends a part of the file without saying which")
        return int(found[1]), int(found[3])
    length = response.headers.get("Content-Length")
    if length is None:
        return 0, None
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise RefusedError(f"the server announces {length[:40]!r} bytes")
    return 0, int(length)


def _tag(response: requests.Response) -> str:
    """Return a strong ETag, or else the date of the file; If-Range accepts both."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isprintable():
        return tag
    date = response.headers.get("Last-Modified", "")
    return date if date.isprintable() else ""


# --- asking whether a file exists -----------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The result of asking an address for its file.

    Attributes:
        there: whether the address gives the file.
        size: in bytes; None if the server does not say.
        reason: why the address does not give the file; "" if it does.
        host_failed: whether the host could not be reached at all, so that its other addresses
            cannot be reached either.
    """

    there: bool
    size: int | None = None
    reason: str = ""
    host_failed: bool = False


def look(asking: requests.Session, url: str, silence: float = 15.0) -> Answer:
    """Ask an address for one byte of its file; silence: seconds after which it counts as lost."""
    try:
        one = {"Range": "bytes=0-0"}
        with contextlib.closing(_response(asking, url, one, silence)) as response:
            _require_answer(response)
            _require_file(response)
            return Answer(True, _extent(response)[1])
    except WebError as error:
        return Answer(False, None, str(error), error.host)


# --- why it failed --------------------------------------------------------------------------------


@contextmanager
def _explained() -> Generator[None]:
    """Convert the errors of the libraries to RefusedError or BrokenError.

    ValueError is raised for a text that is not an address.
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _kind(error) from error


def _kind(error: Exception) -> WebError:
    causes = list(_causes(error))
    host = any(isinstance(each, _NO_CONNECTION) for each in causes)
    for cause in causes:
        if found := _of_cause(cause, host):
            return found
    if isinstance(error, requests.TooManyRedirects):
        return RefusedError(f"it leads on more than {_MOST_REDIRECTS} times")
    if type(error) is OSError:  # requests raises it if REQUESTS_CA_BUNDLE names no file
        return RefusedError(str(error)[:300], host=True)
    if isinstance(error, ValueError):
        return RefusedError(f"this is not a valid address ({_short(error)})")
    return BrokenError(_short(causes[-1]), host)


def _of_cause(cause: BaseException, host: bool) -> WebError | None:
    """Convert one exception of a chain; None if it does not say enough by itself."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RefusedError(
            f"its certificate is not valid ({cause.verify_message}). Behind a proxy with a "
            "certificate of its own, name its file in the variable REQUESTS_CA_BUNDLE",
            host=True,
        )
    if isinstance(cause, socket.gaierror):
        kind = BrokenError if cause.errno == socket.EAI_AGAIN else RefusedError
        return kind(f"its host is not found ({cause.strerror})", host=True)
    if isinstance(cause, TimeoutError | urllib3.exceptions.ReadTimeoutError):
        return BrokenError("no answer in time", host)
    if isinstance(cause, http.client.IncompleteRead):
        return BrokenError(CUT_OFF)
    return None


_NO_CONNECTION = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProxyError,
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes; the original cause comes last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
