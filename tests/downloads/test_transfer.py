"""Downloads from a real server on this machine, which fails in every way."""

import hashlib
import os
import subprocess
import sys

import pytest

import https_server
from https_server import (
    cut,
    cut_chunk,
    many_headers,
    redirect,
    silent,
    slow,
    slow_head,
    status,
    trickle,
    unsized,
    whole,
)
from posemark.core.errors import DownloadError
from posemark.downloads import DOUBTS, Wanted, notes, transfer
from posemark.downloads.transfer import download

pytestmark = pytest.mark.enable_socket

CONTENT = bytes(range(256)) * 12_000  # 3 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>"


class Heard:
    """Keeps everything that is reported."""

    def __init__(self):
        self.sentences, self.beginnings, self.count = [], [], 0

    def began(self, name, url, done, total):
        self.beginnings.append((done, total))

    def moved(self, count):
        self.count += count

    def said(self, sentence):
        self.sentences.append(sentence)


def wanted(*urls, **facts):
    return Wanted("thing", urls, **{"size": len(CONTENT), "sha256": DIGEST, **facts})


@pytest.fixture
def target(tmp_path):
    return tmp_path / "files" / "thing.bin"


def beside(target):
    """Return the names in the folder of a file, without the lock."""
    return {path.name for path in target.parent.iterdir() if path.suffix != ".lock"}


def test_a_file_arrives_and_no_other_file_is_left_beside_it(server, target):
    url = server.serve("thing", whole(CONTENT))
    heard = Heard()
    assert download(wanted(url), target, heard) == DIGEST
    assert target.read_bytes() == CONTENT
    assert beside(target) == {"thing.bin"}
    assert heard.count == len(CONTENT)
    assert heard.beginnings == [(0, len(CONTENT))]
    assert heard.sentences == []


def test_an_existing_file_is_not_requested(server, target):
    url = server.serve("thing", whole(CONTENT))
    download(wanted(url), target)
    download(wanted(url), target)
    assert server.asked("thing") == [""]
    target.write_bytes(CONTENT[:-1] + b"?")
    download(wanted(url), target)
    assert target.read_bytes() == CONTENT


# --- the ways of failing --------------------------------------------------------------------------

REFUSED = {
    "404": (status(404, b"gone"), "answers 404 Not Found"),
    "403": (status(403), "answers 403 Forbidden"),
    "a status without a name": (status(799), "answers 799"),
    "503, again and again": (status(503), "answers 503 Service Unavailable, tried 3 times"),
    "wrong bytes": (whole(CONTENT[::-1]), f"another file: expected SHA-256 {DIGEST}, got "),
    "wrong size": (whole(CONTENT[:-5]), "expected 3,072,000 bytes, got 3,071,995"),
    "longer than it says": (unsized(CONTENT + b"more"), "longer than 3,072,000 bytes"),
    "shorter than it should be": (unsized(CONTENT[:-5]), "ended before the end of the file"),
    "cut in the middle, always": (cut(CONTENT, 1000), "before the end of the file, tried 3"),
    "a trickle": (trickle(len(CONTENT)), r"only \d+ bytes came in \d s, tried 3 times"),
    "nothing": (silent(), "no answer in time, tried 3 times"),
    "a chunk that is cut": (cut_chunk(CONTENT), "before the end of the file, tried 3 times"),
    "more headers than a client reads": (many_headers(), "got more than 100 headers, tried 3"),
    "headers without end": (slow_head(), "no answer in time, tried 3 times"),
    "to http": (redirect("http://localhost:9/x"), "leads to 'http:.*only https"),
    "to a file": (redirect("file:///etc/passwd"), "leads to 'file:///etc/passwd'.*only https"),
    "to ftp": (redirect("ftp://localhost/x"), "leads to 'ftp:.*only https"),
    "a web page": (
        status(200, PAGE, **{"Content-Type": "text/html"}),
        "a web page in place of the file",
    ),
    "a web page that says nothing": (unsized(b"\n" + PAGE), "a web page in place of the file"),
    "compressed": (whole(CONTENT, **{"Content-Encoding": "gzip"}), "sends it as 'gzip'"),
    "no number": (status(200, **{"Content-Length": "many"}), "'many'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_failed_download_is_explained_and_never_gets_the_name(server, target, case):
    way, reason = REFUSED[case]
    url = server.serve("thing", way)
    with pytest.raises(DownloadError, match=reason) as error:
        download(wanted(url), target)
    assert str(error.value).startswith(f"thing: the download failed. {url}: ")
    assert "\n" not in str(error.value)
    assert list(error.value.reasons) == [url]
    assert not target.exists()


@pytest.mark.parametrize("case", ["404", "403", "wrong size", "to http", "a web page"])
def test_what_will_not_change_is_asked_once(server, target, case):
    url = server.serve("thing", REFUSED[case][0])
    with pytest.raises(DownloadError):
        download(wanted(url), target)
    assert len(server.asked("thing")) == 1
    assert not [name for name in beside(target) if name.endswith(".part")]


def test_an_endless_redirect_ends(server, target):
    url = server.serve("thing", redirect(server.address("thing")))
    with pytest.raises(DownloadError, match="leads on more than 10 times"):
        download(wanted(url), target)


@pytest.mark.parametrize("url", ["http://localhost/x", "file:///etc/passwd", "/etc/passwd", ""])
def test_only_https_is_asked_at_all(server, target, url):
    with pytest.raises(DownloadError, match="only https addresses|not a valid address"):
        download(wanted(url), target)


def test_a_certificate_of_an_unknown_authority_is_refused(server, target):
    with https_server.running(https_server.authority()) as stranger:
        url = stranger.serve("thing", whole(CONTENT))
        with pytest.raises(DownloadError, match="its certificate is not valid.*REQUESTS_CA_BUNDLE"):
            download(wanted(url), target)
    assert stranger.log == []


def test_a_missing_list_of_certificates_is_named(server, target, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/authority.pem")
    heard = Heard()
    with pytest.raises(DownloadError, match="/nowhere/authority.pem"):
        download(wanted(server.serve("thing", whole(CONTENT))), target, heard)
    assert heard.sentences == []


def test_a_certificate_for_another_host_is_refused(server, authority, target):
    with https_server.running(authority, "example.org") as other:
        url = other.serve("thing", whole(CONTENT))
        with pytest.raises(DownloadError, match="its certificate is not valid"):
            download(wanted(url), target)


def test_a_redirect_to_https_is_followed(server, target):
    url = server.serve("thing", redirect(server.serve("there", whole(CONTENT))))
    assert download(wanted(url), target) == DIGEST


def test_a_server_that_recovers_is_asked_again(server, target):
    url = server.serve("thing", status(503), status(429), whole(CONTENT))
    heard = Heard()
    download(wanted(url), target, heard)
    assert [each.split(". ")[1] for each in heard.sentences] == ["Trying again in 0 s."] * 2


# --- going on -------------------------------------------------------------------------------------


def test_what_was_cut_off_is_gone_on_with(server, target):
    ways = cut(CONTENT, 1_000_000), cut(CONTENT, 1_000_500), whole(CONTENT)
    url = server.serve("thing", *ways)
    heard = Heard()
    assert download(wanted(url), target, heard) == DIGEST
    assert server.asked("thing") == ["", "bytes=1000000-", "bytes=1000500-"]
    assert heard.count == len(CONTENT)


def test_many_cuts_do_no_harm_as_long_as_it_gets_on(server, target):
    content = bytes(6 << 20)
    places = [1_100_000 * number for number in range(1, 6)]
    url = server.serve("thing", *(cut(content, place) for place in places), whole(content))
    digest = hashlib.sha256(content).hexdigest()
    assert download(Wanted("thing", (url,), len(content), digest), target) == digest
    assert len(server.asked("thing")) == 6


def test_the_next_command_continues_with_the_part_that_the_last_one_kept(server, target):
    url = server.serve("thing", cut(CONTENT, 500_000), status(404))
    with pytest.raises(
        DownloadError, match="500,000 bytes are kept; the same command resumes the download"
    ):
        download(wanted(url), target)
    server.serve("thing", whole(CONTENT))
    assert download(wanted(url), target) == DIGEST
    assert server.asked("thing")[-1] == "bytes=500000-"


class Stopping(Heard):
    def moved(self, count):
        super().moved(count)
        if self.count > 200_000:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_part(server, target):
    url = server.serve("thing", whole(CONTENT))
    stopping = Stopping()
    with pytest.raises(KeyboardInterrupt):
        download(wanted(url), target, stopping)
    kept = target.with_name("thing.bin.part").stat().st_size
    assert kept == stopping.count > 200_000
    download(wanted(url), target)
    assert server.asked("thing") == ["", f"bytes={kept}-"]


def test_a_file_that_changed_meanwhile_comes_from_its_beginning(server, target):
    old = CONTENT[::-1]
    url = server.serve("thing", cut(old, 500_000, tag='"old"'), whole(CONTENT, tag='"new"'))
    free = {"sha256": None, "size": None}
    assert download(wanted(url, **free), target) == DIGEST
    assert target.read_bytes() == CONTENT


def test_who_is_stopped_as_a_new_version_begins_never_mixes_the_two(server, target, monkeypatch):
    url = server.serve("thing", cut(CONTENT[::-1], 500_000, tag='"old"'), status(404))
    free = {"sha256": None, "size": None}
    with pytest.raises(DownloadError):
        download(wanted(url, **free), target)
    server.serve("thing", whole(CONTENT, tag='"new"'))
    write = transfer.write_whole

    def stopped(path, content):
        write(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "write_whole", stopped)
    with pytest.raises(KeyboardInterrupt):
        download(wanted(url, **free), target)
    monkeypatch.setattr(transfer, "write_whole", write)
    assert download(wanted(url, **free), target) == DIGEST


def test_without_a_mark_of_the_version_only_a_digest_allows_going_on(server, target):
    first = cut(CONTENT, 500_000, tag="")
    for facts, ranges in (({}, ["", "bytes=500000-"]), ({"sha256": DIGEST[:8]}, ["", ""])):
        server.log.clear()
        url = server.serve("thing", first, whole(CONTENT, tag=""))
        download(wanted(url, **facts), target)
        assert server.asked("thing") == ranges
        target.unlink()


def test_pieces_that_do_not_fit_are_fetched_once_more(server, target):
    url = server.serve("thing", cut(CONTENT[::-1], 500_000), whole(CONTENT))
    heard = Heard()
    assert download(wanted(url), target, heard) == DIGEST
    assert server.asked("thing") == ["", "bytes=500000-", ""]
    assert "the resumed file is wrong" in heard.sentences[-1]


def test_a_server_without_ranges_starts_from_the_beginning(server, target):
    url = server.serve("thing", cut(CONTENT, 500_000), whole(CONTENT, ranges=False))
    assert download(wanted(url), target) == DIGEST


def test_a_part_that_is_whole_is_only_verified(server, target):
    url = server.serve("thing", cut(CONTENT, 500_000), status(404))
    with pytest.raises(DownloadError):
        download(wanted(url), target)
    target.with_name("thing.bin.part").write_bytes(CONTENT)
    server.log.clear()
    assert download(wanted(url), target) == DIGEST
    assert server.log == []


def test_a_part_that_is_too_long_is_dropped(server, target):
    url = server.serve("thing", cut(CONTENT, 500_000), status(404))
    with pytest.raises(DownloadError):
        download(wanted(url), target)
    target.with_name("thing.bin.part").write_bytes(CONTENT + b"more")
    server.serve("thing", whole(CONTENT))
    assert download(wanted(url), target) == DIGEST


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": 3}', "\udcff"])
def test_a_damaged_note_costs_the_part(server, target, note):
    url = server.serve("thing", whole(CONTENT))
    target.parent.mkdir()
    target.with_name("thing.bin.part").write_bytes(b"anything")
    noted = target.with_name("thing.bin.part.json")
    noted.write_bytes(note.encode(errors="surrogateescape"))
    assert download(wanted(url), target) == DIGEST
    assert server.asked("thing") == [""]


def test_a_link_under_the_name_of_the_part_is_not_written_through(server, target, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    target.parent.mkdir()
    target.with_name("thing.bin.part").symlink_to(victim)
    download(wanted(server.serve("thing", whole(CONTENT))), target)
    assert victim.read_bytes() == b"mine"
    assert not target.is_symlink()


# --- mirrors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["404", "wrong bytes", "a web page", "cut in the middle, always"])
def test_the_next_mirror_is_asked(server, target, case):
    first = server.serve("first", REFUSED[case][0])
    second = server.serve("second", whole(CONTENT, tag='"two"'))
    heard = Heard()
    assert download(wanted(first, second), target, heard) == DIGEST
    assert heard.sentences[-1].startswith(f"{first}: ")
    assert heard.sentences[-1].endswith("Trying the next address.")
    kept = case == "cut in the middle, always"
    assert server.asked("second") == (["bytes=1000-"] if kept else [""])


def test_every_mirror_that_failed_is_named(server, target):
    urls = server.serve("first", status(404)), server.serve("second", status(403))
    with pytest.raises(DownloadError) as error:
        download(wanted(*urls), target)
    assert all(f"{url}: the server answers 40" in str(error.value) for url in urls)


def test_a_host_that_cannot_be_reached_is_asked_no_more(server, target, monkeypatch):
    monkeypatch.setitem(DOUBTS, "127.0.0.1", "nobody is there")
    dead = {}
    closed = "https://127.0.0.1:9/thing"
    for attempts in (2, 0):
        heard = Heard()
        with pytest.raises(DownloadError, match=r"refused.*tried 3 times \(nobody is there\)"):
            download(wanted(closed), target, heard, dead)
        assert len(heard.sentences) == attempts
    assert list(dead) == ["127.0.0.1"]


# --- digests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "pin"),
    [
        ({"sha256": DIGEST[:8]}, "prefix only"),
        ({"sha256": None, "md5": MD5}, "MD5 only"),
        ({"sha256": None}, "unpinned"),
    ],
)
def test_what_is_pinned_in_part_is_held_to_its_first_digest(server, target, facts, pin):
    url = server.serve("thing", whole(CONTENT))
    assert wanted(url, **facts).pin == pin
    download(wanted(url, **facts), target)
    target.unlink()
    notes.keep_digest("thing", "0" * 64, "thing.bin")
    with pytest.raises(DownloadError, match=f"at its first fetch: .* 0{{64}}, got {DIGEST}"):
        download(wanted(url, **facts), target)
    notes.digest_note("thing").unlink()
    assert download(wanted(url, **facts), target) == DIGEST


def test_a_wrong_md5_is_refused(server, target):
    url = server.serve("thing", whole(CONTENT))
    with pytest.raises(DownloadError, match=f"expected MD5 {'0' * 32}, got {MD5}"):
        download(wanted(url, sha256=None, md5="0" * 32), target)


def test_a_first_digest_stays(server):
    notes.keep_digest("thing", DIGEST, "thing.bin")
    notes.keep_digest("thing", "0" * 64, "thing.bin")
    assert notes.first_digest("thing") == DIGEST
    assert notes.digest_note("thing").read_text() == f"{DIGEST}  thing.bin\n"


@pytest.mark.parametrize("text", ["", "x", "  ", DIGEST[:-1], DIGEST.upper()])
def test_a_damaged_digest_note_says_nothing(server, text):
    notes.keep_digest("thing", DIGEST, "thing.bin")
    notes.digest_note("thing").write_text(text)
    assert notes.first_digest("thing") is None


def test_an_unpinned_file_of_unknown_length_could_be_cut_off(server, target):
    url = server.serve("thing", unsized(CONTENT))
    with pytest.raises(DownloadError, match="does not say how long the file is"):
        download(wanted(url, sha256=None, size=None), target)
    assert download(wanted(url, size=None), target) == DIGEST


def test_a_file_without_a_registered_size_has_a_limit(server, target, monkeypatch):
    monkeypatch.setattr(transfer, "MOST_BYTES", 1_000_000)
    url = server.serve("thing", whole(CONTENT))
    with pytest.raises(DownloadError, match="longer than 1,000,000 bytes"):
        download(wanted(url, size=None), target)
    server.serve("thing", unsized(CONTENT))
    with pytest.raises(DownloadError, match="longer than 1,000,000 bytes"):
        download(wanted(url, size=None), target)


# --- the machine ----------------------------------------------------------------------------------


def test_a_disk_without_room_is_noticed_before_anything_is_asked(server, target, monkeypatch):
    usage = transfer.shutil.disk_usage(".")
    url = server.serve("thing", whole(CONTENT))
    short = with_free(usage, transfer.SPARE_BYTES + len(CONTENT) - 1)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: short)
    with pytest.raises(DownloadError, match="3 MB are needed there.*POSEMARK_CACHE"):
        download(wanted(url), target)
    assert server.log == []
    with pytest.raises(DownloadError, match="3 MB are needed there"):  # the server says it
        download(wanted(url, size=None), target)


def with_free(usage, free):
    return type(usage)(usage.total, usage.total - free, free)


def test_a_file_that_cannot_be_written_is_one_paragraph(server, target, monkeypatch):
    url = server.serve("thing", whole(CONTENT))
    target.mkdir(parents=True)
    (target / "x").write_text("")
    with pytest.raises(DownloadError, match="nothing can be written there.*POSEMARK_CACHE"):
        download(wanted(url), target)


@pytest.fixture
def behind_a_proxy(server, monkeypatch):
    """Set the proxy that the environment names."""

    def set_up(address):
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, address)

    return set_up


def test_a_proxy_from_the_environment_is_used(server, target, behind_a_proxy):
    url = server.serve("thing", whole(CONTENT))
    with https_server.proxy() as (address, asked):
        behind_a_proxy(address)
        assert download(wanted(url), target) == DIGEST
    assert asked == [url.split("/")[2]]


def test_without_its_proxy_a_download_fails_and_does_not_bypass_it(server, target, behind_a_proxy):
    url = server.serve("thing", whole(CONTENT))
    behind_a_proxy("http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="refused"):
        download(wanted(url), target)
    assert server.log == []


PROGRAM = """
import sys
from pathlib import Path
from posemark.downloads import Wanted
from posemark.downloads.transfer import download
url, size, digest, target = sys.argv[1:]
print(download(Wanted("thing", (url,), int(size), digest), Path(target)))
"""


def test_two_processes_fetch_a_file_once(server, target):
    url = server.serve("thing", slow(CONTENT, seconds=1.5))
    command = [sys.executable, "-c", PROGRAM, url, str(len(CONTENT)), DIGEST, str(target)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    assert [each.communicate(timeout=60)[0].strip() for each in both] == [DIGEST] * 2
    assert server.asked("thing") == [""]


def test_a_process_that_waits_reports_why(server, target):
    url = server.serve("thing", whole(CONTENT))
    heard = Heard()
    with transfer.alone(target):
        program = [sys.executable, "-c", PROGRAM, url, str(len(CONTENT)), DIGEST, str(target)]
        other = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        with pytest.raises(subprocess.TimeoutExpired):
            other.communicate(timeout=1.5)
        assert server.log == []
    assert other.communicate(timeout=60)[0].strip() == DIGEST
    held = transfer.filelock.FileLock(target.with_name("thing.bin.lock"))
    with held:
        waiting = waiting_for(held, heard, target)
    assert waiting == ["thing.bin: another process is fetching it. Waiting until it ends."]


def waiting_for(held, heard, target):
    """Return what is reported while the lock is held; the lock is released right after that."""
    said = heard.said

    def release(sentence):
        said(sentence)
        held.release()

    heard.said = release
    with transfer.alone(target, heard):
        return heard.sentences
