"""`posemark get` and `weights doctor` from an empty folder, against a server on this machine.

It serves every file that the registry knows under its name. Checkpoints are those of networks by
formula: one real network, of the others a small stand-in each.
"""

import hashlib
import json
import sys
import time
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

import caffe_writer
import made_cards
import made_weights
import posemark
from https_server import TAG, status, trickle, whole
from made_val2017 import ANNOTATIONS, BOXES, IMAGE, IMAGES, NAMES
from posemark import cards, cli, weights
from posemark.core.places import user_cache
from posemark.datasets import open_dataset
from posemark.datasets.published_data import DATA, coco_folder
from posemark.downloads import DOUBTS
from posemark.get import wanted_files
from posemark.machine import peak
from posemark.machine.rates import Rate
from posemark.models import all_models, spec_of
from posemark.nn import formula
from posemark.run.plan import SEED

pytestmark = pytest.mark.enable_socket

REAL = "litehrnet-18-256x192"
MODELS = list(dict.fromkeys(entry.model for entry in SEED))
PACKED = {"val2017.zip": IMAGES, "annotations_trainval2017.zip": ANNOTATIONS}


def invoke(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result.stdout, result.stderr


def content_of(name):
    """A file of data."""
    return PACKED.get(name, BOXES)


def stand_in(number):
    """A network that no other one's checkpoint fits."""
    return lambda: torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 2 + number, 1)))


def checkpoint(name, build):
    """As its authors save it: OpenPose's in the format of Caffe."""
    network = build()
    formula.initialise(network)
    write = caffe_writer.of_state if name.startswith("openpose") else made_weights.as_file
    return write(network.state_dict())


@pytest.fixture(scope="module")
def contents():
    """Checkpoints by model."""
    builds = {name: stand_in(place) for place, name in enumerate(MODELS)}
    builds[REAL] = spec_of(REAL).build
    return {name: (build, checkpoint(name, build)) for name, build in builds.items()}


@pytest.fixture
def registry(server, contents, monkeypatch, tmp_path):
    """The registry with the addresses, digests and sizes of what the server has."""
    for key, group in DATA.items():
        monkeypatch.setitem(DATA, key, tuple(on_server(server, data) for data in group))
    for name in MODELS:
        build, content = contents[name]
        spec = spec_of(name)
        rows = tuple(row_on_server(server, name, row, content) for row in spec.weights)
        monkeypatch.setitem(
            all_models(), name, replace(spec, build=build, weights=rows, convert=None)
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return server


def on_server(server, data):
    content = content_of(data.file)
    url = server.serve(data.file, whole(content))
    digest = hashlib.sha256(content).hexdigest()
    wanted = replace(data.wanted, urls=(url,), size=len(content), sha256=digest, md5=None)
    return replace(data, wanted=wanted, count=min(data.count, len(NAMES)))


def row_on_server(server, name, row, content):
    """The row as it is pinned, from the server; no two files are the same."""
    if not row.urls:
        return row
    content = named(content, f"{name}.{row.tag}")
    digest = hashlib.sha256(content).hexdigest()
    prefix = digest[: len(row.sha256)] if row.sha256 else None
    return replace(
        row,
        urls=(server.serve(f"{name}.{row.tag}/{row.file}", whole(content)),),
        sha256=prefix,
        size=row.size and len(content),
        md5=row.md5 and hashlib.md5(content).hexdigest(),
    )


def named(content, name):
    """A checkpoint with a name in it: behind a zip archive, or a field of Caffe's own."""
    if content[:2] == b"PK":
        return content + name.encode()
    return content + caffe_writer.field(1, name.encode())


def fetchable():
    return [(all_models()[n], row) for n in MODELS for row in all_models()[n].weights if row.urls]


def test_get_seed_from_an_empty_folder_brings_everything_with_an_address(registry):
    out, err = invoke("get", "seed", "--accept-licence", "openpose")
    assert "not fetched" not in out + err
    assert len(fetchable()) >= 19
    for spec, row in fetchable():
        assert weights.resolve(spec, row.tag).row == row
    assert [frame.read() for frame in open_dataset("coco").frames()] == [IMAGE] * 3
    asked = len(registry.log)
    assert asked == len(fetchable()) + 3
    again, _ = invoke("get", "seed")
    here = next(line for line in again.splitlines() if line.startswith("here: "))
    assert all(f"{spec.name}.{row.tag}" in here for spec, row in fetchable())
    assert "to fetch" not in again
    assert len(registry.log) == asked


def test_what_was_fetched_is_measured_without_naming_a_folder(registry, monkeypatch):
    rates = {name: Rate(1e11, 0.01, "product, 8x8") for name in ("fp32", "int8")}
    stream = Rate(1e10, 0.02, "a += s b, 4 MB each")
    made = peak.MachinePeak(rates, stream, 1, peak.facts(1), "2026-01-01")
    monkeypatch.setattr(peak, "measure", lambda *_: made)
    invoke("get", REAL, "coco-val2017", "person-boxes")
    entry = f"{REAL}.mmpose@detected"
    what = ("--data", "coco", "--boxes", "papers", "--threads", 1, "--no-isolate", "--json")
    out, _ = invoke("run", entry, *what, "--out", "run")
    row = json.loads(out)
    assert (row["weights"], row["boxes"], row["frames"]) == ("mmpose", "papers", 3)
    assert row["weights_licence"] == "Apache-2.0 (repository)"


def test_it_says_before_what_from_where_how_large_and_under_which_licence(registry, monkeypatch):
    monkeypatch.setitem(DOUBTS, "localhost", "its owner changed")
    out, _ = invoke("get", "seed", "--dry-run")
    assert registry.log == []
    assert not coco_folder().exists()
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    table = out[: out.index("\n\n")]
    assert max(map(len, table.splitlines())) <= 80
    official = lines["hrnet-w32-256x192.official"]
    assert official.split()[1:] == ["0.0", "MB", "localhost", "MIT", "(repository)"]
    assert "~114.1 MB" in lines["hrnet-w32-256x192.mmpose"]
    assert "CC BY 4.0" in lines["coco-val2017.annotations"]
    assert "the host localhost is in doubt: its owner changed" in out
    assert "prefix only: " in out
    assert "unpinned: transpose-r-a3-256x192.official, transpose-h-a6-256x192.official" in out
    assert "openpose-body25.official, under the licence CMU non-commercial" in out
    assert "add --accept-licence openpose" in out
    by_hand = out[out.index("to download by hand") :]
    assert "fpd-w32-256x192.official: pose_hrnet_w32_student_FPD.pth\n    github.com/" in by_hand
    assert "posemark weights import FILE|FOLDER..., which recognises them" in by_hand


def test_terms_are_accepted_by_name_and_once(registry):
    name = "openpose-body25"
    out, _ = invoke("get", name, code=2)
    assert "CMU non-commercial: add --accept-licence openpose" in out
    assert registry.log == []
    invoke("get", name, "--accept-licence", "openpose")
    weights.resolve(spec_of(name), "official").path.unlink()
    out, _ = invoke("get", name)
    assert out.endswith("everything is here\n")


@pytest.mark.parametrize("word", [f"{REAL}.mmpose", REAL, "q"])
def test_a_model_a_tag_and_a_letter_are_understood(registry, word):
    invoke("get", word)
    assert weights.resolve(spec_of(REAL), "mmpose").path.is_file()


def test_what_is_asked_for_twice_is_fetched_once(registry):
    invoke("get", REAL, f"{REAL}.mmpose", "q", "person-boxes", "person-boxes")
    assert len(registry.log) == 2


FAILURES = {"404": status(404), "trickle": trickle(), "page": whole(b"<!doctype html><p>no")}


@pytest.mark.parametrize("case", FAILURES)
def test_one_failure_keeps_none_of_the_others(registry, case):
    bad = "hrnet-w32-256x192.official/pose_hrnet_w32_256x192.pth"
    registry.serve(bad, FAILURES[case])
    out, err = invoke("get", "hrnet-w32-256x192", "person-boxes", code=2)
    assert "not fetched: hrnet-w32-256x192.official: the download failed" in err
    assert "hrnet-w32-256x192.official: pose_hrnet_w32_256x192.pth" in out
    assert "    https://drive.google.com/file/d/1zYC7go9EV0XaSlSBjMaiyE_4TcHc_S38/view\n" in out
    assert str(wanted_files.drop_folder()) in out
    assert wanted_files.drop_folder().is_dir()
    assert weights.resolve(spec_of("hrnet-w32-256x192"), "mmpose").path.is_file()
    assert "everything is here" not in out


def test_of_a_suite_addresses_in_doubt_may_fail(registry, monkeypatch):
    for name in list(registry.ways):
        if "mmpose" in name:
            registry.serve(name, status(404))
    _, err = invoke("get", "seed", code=2)
    monkeypatch.setattr(
        wanted_files.Item, "in_doubt", property(lambda item: ".mmpose" in item.name)
    )
    _, err = invoke("get", "seed", code=0)
    assert err.count("the download failed") == sum("mmpose" in row.tag for _, row in fetchable())
    invoke("get", f"{REAL}.mmpose", code=2)


def test_a_host_that_is_lost_is_said_once_for_all_of_its_files(registry, monkeypatch):
    name = "dekr-w32-512"
    lost_on(name, monkeypatch)
    monkeypatch.setitem(DOUBTS, "127.0.0.1", "its owner changed")
    _, err = invoke("get", name, "person-boxes", code=2)
    assert err.count("not fetched") == 1
    assert "not fetched from 127.0.0.1: " in err
    assert "tried 3 times (its owner changed):\n  dekr-w32-512.mmpose, dekr-w32-512.mmpose0" in err


def lost_on(name, monkeypatch):
    """A model whose addresses are on a host that does not answer."""
    spec = spec_of(name)
    rows = tuple(
        replace(row, urls=(f"https://127.0.0.1:9/{row.tag}",)) if row.urls else row
        for row in spec.weights
    )
    monkeypatch.setitem(all_models(), name, replace(spec, weights=rows))


def test_ctrl_c_keeps_what_has_come(registry, monkeypatch):
    from posemark.cli import download_progress

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download_progress._Bars, "moved", stop)
    _, err = invoke("get", "person-boxes", code=130)
    assert "What was downloaded is kept; run the same command to resume" in err
    monkeypatch.undo()


def test_without_a_terminal_a_line_a_minute_tells_how_it_goes(registry, monkeypatch):
    from posemark.cli import console

    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    _, err = invoke("get", f"{REAL}.mmpose")
    assert f"{REAL}.mmpose: from localhost, 5.2 MB\n" in err
    assert f"{REAL}.mmpose: 5.2 of 5.2 MB\n" in err


def row_name(model, tag):
    """The name of a checkpoint on the server."""
    (file,) = (row.file for row in spec_of(model).weights if row.tag == tag)
    return f"{model}.{tag}/{file}"


def some_arrived(folder):
    """Wait until a part of a download is on the disk."""
    deadline = time.monotonic() + 10
    while not any(path.stat().st_size for path in folder.rglob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_disk_that_fills_in_the_midst_keeps_what_has_come(registry, disk, contents, monkeypatch):
    small, name = disk("80m"), row_name(REAL, "mmpose")
    monkeypatch.setenv("POSEMARK_CACHE", str(small.folder / "cache"))
    content = named(contents[REAL][1], f"{REAL}.mmpose")
    half = len(content) // 2

    def filling(handler):
        handler.head(200, {"Content-Length": len(content), "ETag": TAG})
        handler.wfile.write(content[:half])
        some_arrived(small.folder)
        small.fill()
        handler.wfile.write(content[half:])

    registry.serve(name, filling, whole(content))
    _, err = invoke("get", f"{REAL}.mmpose", "person-boxes", code=2)
    assert "nothing can be written there (No space left on device)" in err
    assert "bytes are kept; the same command resumes the download" in err
    small.make_room()
    out, _ = invoke("get", f"{REAL}.mmpose", "person-boxes")
    assert out.endswith("everything is here\n")
    first, second = registry.asked(name)
    assert first == ""
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0
    assert weights.resolve(spec_of(REAL), "mmpose").path.read_bytes() == content


# --- by hand --------------------------------------------------------------------------------------


def drop(name, content):
    wanted_files.drop_folder().mkdir(parents=True, exist_ok=True)
    path = wanted_files.drop_folder() / name
    path.write_bytes(content)
    return path


def test_what_lies_in_the_drop_folder_is_taken_by_its_digest(registry, contents):
    content = named(contents["hrnet-w48-384x288"][1], "hrnet-w48-384x288.official")
    weights_, boxes = drop("a download(1).pth", content), drop("x.json", content_of("x"))
    archive, other = drop("v.zip", content_of("val2017.zip")), drop("notes.txt", b"mine")
    out, err = invoke("get", "hrnet-w48-384x288.official", "person-boxes")
    assert "drop folder: a download(1).pth, which is hrnet-w48-384x288.official\n" in out
    assert registry.log == []
    assert weights.resolve(spec_of("hrnet-w48-384x288"), "official").path.is_file()
    assert sorted(p.name for p in (coco_folder() / "val2017").iterdir()) == NAMES
    assert not any(path.exists() for path in (weights_, boxes, archive))
    assert other.read_bytes() == b"mine"
    assert f"{other}: no file with this SHA-256 is registered" in err


def test_terms_are_accepted_for_dropped_files_too(registry, contents, monkeypatch):
    name = "openpose-body25"
    content = named(contents[name][1], f"{name}.official")
    row = spec_of(name).weights[0]
    rows = (replace(row, sha256=hashlib.sha256(content).hexdigest()),)
    monkeypatch.setitem(all_models(), name, replace(spec_of(name), weights=rows))
    path = drop("x.caffemodel", content)
    out, _ = invoke("get", "person-boxes")
    assert f"{path} is {name}.official, under the licence CMU non-commercial" in out
    invoke("get", name, "--accept-licence", "openpose")
    assert not path.exists()
    assert not registry.asked(f"{name}.official/{row.file}")


def test_a_dry_run_leaves_the_drop_folder_alone(registry):
    path = drop("x.json", content_of("x"))
    out, _ = invoke("get", "person-boxes", "--dry-run")
    assert f"{path} is person-boxes" in out
    assert path.is_file()


def test_files_of_cards_without_an_address_are_named(registry):
    out, _ = invoke("get", "light")
    for path in cards.built_in().values():
        card = cards.read(path)
        assert f"{card.name}: {card.file.name}\n" in out
        assert card.file.source in out
    assert "tinypose-256x192.bin: tinypose_256_192_ir_fp16.bin" in out
    assert str(wanted_files.drop_folder()) in out


# --- cards with addresses -------------------------------------------------------------------------


def card_on(server, folder, licence="MIT"):
    url, data = server.serve("m.xml", whole(b"<net/>")), server.serve("m.bin", whole(b"numbers"))
    digest = hashlib.sha256(b"<net/>").hexdigest()
    file = (
        f'name = "sub/mine.xml"\nsha256 = "{digest}"\n'
        f'urls = ["{url}"]\ndata_urls = ["{data}"]\nlicence = "{licence}"'
    )
    changes = {'name = "tiny.onnx"': file, 'name = "tiny"': 'name = "mine"'}
    return made_cards.card(folder, changes)


def test_the_files_of_a_card_are_fetched_to_where_it_is_looked_for(registry, tmp_path):
    path = card_on(registry, tmp_path)
    invoke("get", path)
    assert (weights.cache_dir() / "sub" / "mine.xml").read_bytes() == b"<net/>"
    assert (weights.cache_dir() / "sub" / "mine.bin").read_bytes() == b"numbers"
    out, _ = invoke("get", path)
    assert "here: mine, mine.bin" in out


def test_the_terms_of_a_card_are_accepted_under_its_name(registry, tmp_path):
    path = card_on(registry, tmp_path, "CC-BY-NC-4.0")
    out, _ = invoke("get", path, code=2)
    assert "add --accept-licence mine" in out
    invoke("get", path, "--accept-licence", "mine")


def test_an_address_is_no_part_of_what_a_card_is(registry, tmp_path):
    from posemark.cards.model import digest

    card = cards.read(card_on(registry, tmp_path))
    moved = posemark.cards.schema.msgspec.structs.replace(card.file, urls=(), data_urls=())
    assert digest(card) == digest(posemark.cards.schema.msgspec.structs.replace(card, file=moved))


@pytest.mark.parametrize("url", ["http://example.org/m", "file:///etc/passwd", "m.xml"])
def test_a_card_cannot_name_anything_but_https(registry, tmp_path, url, monkeypatch, capsys):
    path = card_on(registry, tmp_path)
    path.write_text(
        path.read_text().replace(f'urls = ["{registry.address("m.xml")}"]', f'urls = ["{url}"]')
    )
    monkeypatch.setattr(sys, "argv", ["posemark", "get", str(path)])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "the key file.urls" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["nonsense", "hrnet-w32-256x192.nothing", "hrnet-w32"])
def test_what_means_nothing_is_one_paragraph(registry, word, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["posemark", "get", word])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1


# --- doctor ---------------------------------------------------------------------------------------


def test_the_doctor_asks_every_address_and_fetches_nothing(registry, monkeypatch):
    only_seed(monkeypatch)
    out, err = invoke("weights", "doctor")
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert max(map(len, out.splitlines())) <= 80
    assert lines["hrnet-w32-256x192.official"][1:] == ["localhost", "yes", "right", "yes"]
    assert lines["hrnet-w32-256x192.mmpose"][1:] == ["localhost", "yes", "stated", "prefix", "only"]
    assert lines["openpose-body25.official"][-2:] == ["MD5", "only"]
    assert lines["transpose-r-a3-256x192.official"][-1] == "unpinned"
    assert err == ""
    count = len(fetchable()) + 3
    assert f"{count} of {count} addresses are reachable" in out
    assert [given for _, given in registry.log] == ["bytes=0-0"] * count
    assert not (user_cache() / "downloads").exists()


def test_the_doctor_tells_what_is_wrong(registry, monkeypatch):
    only_seed(monkeypatch)
    registry.serve("val2017.zip", whole(b"another"))
    registry.serve("annotations_trainval2017.zip", status(404))
    page = {"Content-Type": "text/html"}
    registry.serve("COCO_val2017_detections_AP_H_56_person.json", status(200, b"<p>", **page))
    monkeypatch.setitem(DOUBTS, "localhost", "its owner changed")
    out, err = invoke("weights", "doctor")
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert lines["coco-val2017.images"][2:4] == ["yes", "wrong"]
    assert lines["coco-val2017.annotations"][2:4] == ["no", "unknown"]
    assert "the server answers 404 Not Found (its owner changed)" in err
    assert "person-boxes: https://localhost" in err
    assert "a web page in place of the file" in err


def test_a_host_that_is_not_there_is_asked_once(registry, monkeypatch):
    only_seed(monkeypatch)
    lost_on("dekr-w32-512", monkeypatch)
    _, err = invoke("weights", "doctor")
    assert err.startswith("127.0.0.1: ")
    assert err.count("\n") == 1
    out, _ = invoke("weights", "doctor", "--json")
    found = {each["name"]: each for each in json.loads(out)["addresses"]}
    lost = [found[f"dekr-w32-512.{tag}"] for tag in ("mmpose", "mmpose0")]
    assert [each["reachable"] for each in lost] == [False, False]
    assert lost[0]["reason"] == lost[1]["reason"]
    assert "refused" in lost[0]["reason"]
    assert found["hrnet-w32-256x192.official"]["pin"] == "SHA-256"


def only_seed(monkeypatch):
    """The registry without the models that the server does not have."""
    every = dict(all_models())
    for name in reversed(every):  # they come back the other way round: in their order
        monkeypatch.delitem(all_models(), name)
    for name in every.keys() & set(MODELS):
        monkeypatch.setitem(all_models(), name, every[name])
    monkeypatch.setattr(cards, "built_in", dict)


def test_the_registry_keeps_its_order_when_models_come_back():
    before = list(all_models())
    with pytest.MonkeyPatch.context() as monkeypatch:
        only_seed(monkeypatch)
        assert set(all_models()) == set(MODELS)
    assert list(all_models()) == before
