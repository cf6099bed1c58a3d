"""Asking an address: https and nothing else, whatever it redirects to.

requests brings proxies (HTTPS_PROXY, NO_PROXY), certificates (REQUESTS_CA_BUNDLE for those of a
company) and redirects. What comes out are two kinds of failure: those after which the same
address may still give the file, and those after which it will not.
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
"""Answers after which the same question may be answered otherwise."""
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


CUT_OFF = "the connection ended before the end of the file"


class WebError(Exception):
    """Why there is no file. host: it is the host that cannot be reached, not the address alone."""

    def __init__(self, reason: str, host: bool = False) -> None:
        super().__init__(reason)
        self.host = host


class RefusedError(WebError):
    """The address does not give the file, however often it is asked."""


class BrokenError(WebError):
    """It went wrong this time. seconds: how long the server asks to wait."""

    def __init__(self, reason: str, host: bool = False, seconds: float = 0.0) -> None:
        super().__init__(reason, host)
        self.seconds = seconds


class RangeError(BrokenError):
    """The server cannot go on from where we are: the file has to come from its beginning."""


class _Session(requests.Session):
    """A session that leaves https for nothing: every request, redirected ones too, passes here."""

    def get_adapter(self, url: str) -> BaseAdapter:
        """What sends a request.

        Raises:
            RefusedError: unless it is to https.
        """
        if not url.lower().startswith(_SCHEME):
            raise RefusedError(f"it leads to {url[:200]!r}, and only https addresses are fetched")
        return super().get_adapter(url)


def session() -> requests.Session:
    """What asks addresses: close it, or use it as a context."""
    made = _Session()
    made.max_redirects = _MOST_REDIRECTS
    # Not compressed: digests, sizes and ranges are those of the file itself.
    made.headers.update({"User-Agent": "posemark", "Accept-Encoding": "identity"})
    return made


@dataclass
class Reply:
    """A file as it comes.

    start: the byte that it begins with. total: of the whole file, None where the server does not
    say. tag: what tells this version of the file from another one, "" if nothing does.
    """

    start: int
    total: int | None
    tag: str
    _raw: urllib3.BaseHTTPResponse

    def read(self) -> bytes:
        """What has come by now, at least a byte; empty at the end.

        Raises:
            BrokenError: if the connection breaks or nothing comes for long.
        """
        with _explained():
            return self._raw.read1(_CHUNK, decode_content=False)


@contextmanager
def asked(
    asking: requests.Session, url: str, start: int, tag: str, silence: float
) -> Generator[Reply]:
    """An address, asked for a file from a byte on.

    Args:
        asking: a session().
        url: the address.
        start: the first byte that is wanted; the reply may begin at 0 all the same.
        tag: only of this version of the file; of another one all is wanted. "" is any.
        silence: seconds without a byte after which the connection counts as broken.

    Raises:
        RefusedError, BrokenError: if there is no such reply.
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
    """The beginning of a reply, in twice the time that a silence may last.

    It is asked for in a thread of its own: a server that sends its headers byte by byte is never
    silent, and would be waited for without end.
    """
    found: queue.SimpleQueue[requests.Response | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            response = asking.get(
                url, headers=headers, stream=True, timeout=(min(silence, _CONNECT_SECONDS), silence)
            )
        except BaseException as error:  # it is raised where it is waited for
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
    text = f"the server answers {_named(status)}"
    if status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise RangeError(text)
    if status in _PAUSE:
        raise BrokenError(text, seconds=_seconds(response.headers.get("Retry-After", "")))
    raise RefusedError(text)


def _named(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _seconds(text: str) -> float:
    """What Retry-After asks for, where it is a plain number."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _require_file(response: requests.Response) -> None:
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("", "identity"):
        raise RefusedError(f"the server sends it as {coding[:40]!r}, which was not asked for")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise RefusedError("a web page stands there under the file's name")


def is_page(beginning: bytes) -> bool:
    """Whether a file begins as web pages do."""
    return _PAGE.match(beginning) is not None


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """The first byte of a reply, and how many the whole file has."""
    if response.status_code == http.HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found:
            raise RangeError("the server sends a part without saying which")
        return int(found[1]), int(found[3])
    length = response.headers.get("Content-Length")
    if length is None:
        return 0, None
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise RefusedError(f"the server announces {length[:40]!r} bytes")
    return 0, int(length)


def _tag(response: requests.Response) -> str:
    """A strong ETag, else the date of the file: what If-Range takes."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isprintable():
        return tag
    date = response.headers.get("Last-Modified", "")
    return date if date.isprintable() else ""


# --- asking whether it is there -------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What an address says of its file. size: in bytes, if it tells. reason: why it is not there.

    host_failed: the host could not be reached at all, so that others on it cannot either.
    """

    there: bool
    size: int | None = None
    reason: str = ""
    host_failed: bool = False


def look(asking: requests.Session, url: str, silence: float = 15.0) -> Answer:
    """Ask an address for one byte of its file."""
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
    """What the libraries raise, as a failure of one of the two kinds, in words.

    ValueError: of what is no address.
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
    if type(error) is OSError:  # of the library itself: REQUESTS_CA_BUNDLE names no file
        return RefusedError(str(error)[:300], host=True)
    if isinstance(error, ValueError):
        return RefusedError(f"it is no address that can be asked ({_short(error)})")
    return BrokenError(_short(causes[-1]), host)


def _of_cause(cause: BaseException, host: bool) -> WebError | None:
    """What one exception of a chain says by itself."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RefusedError(
            f"its certificate is not valid ({cause.verify_message}). Behind a proxy with a "
            "certificate of its own, name that in the variable REQUESTS_CA_BUNDLE",
            host=True,
        )
    if isinstance(cause, socket.gaierror):
        lost = BrokenError if cause.errno == socket.EAI_AGAIN else RefusedError
        return lost(f"its host is not found ({cause.strerror})", host=True)
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
    """An exception and those that it came from, the first cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
