"""The fields of a header from which the command of a run can be typed again."""

from dataclasses import replace

import msgspec
import pytest

import made_cards
from posemark.cards import built_in
from posemark.datasets.sample import Sample
from posemark.records.schema import Given, Header
from posemark.report.header_row import row_of_header
from posemark.report.missing_evidence import command
from posemark.run.header import make_header
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job

MODEL = "naive-litehrnet-18-256x192"


@pytest.fixture(scope="module")
def prepared():
    dataset = Sample(1)
    (job,) = plan([f"{MODEL}@gt"], Options("sample", 1, machine="the shelf"))
    return prepare_job(job, dataset, dataset.frames())


def header(prepared, boxes="gt", card=None, **options):
    job = prepared.job
    entry = replace(job.entry, card=card)
    job = replace(job, boxes=boxes, entry=entry, options=replace(job.options, **options))
    return make_header(replace(prepared, job=job), own_process=False, turns=1)


def test_files_are_kept_as_they_were_typed(prepared):
    made = header(prepared, "file:~/found.json", weights="~/mine.pth", calibrate="coco:~/coco")
    assert made.given == Given("~/mine.pth", "file:~/found.json", "coco:~/coco")
    typed = row_of_header(made).typed
    assert typed == {
        "--weights": "~/mine.pth",
        "--boxes": "file:~/found.json",
        "--calibrate": "coco:~/coco",
        "--machine": "the shelf",
    }


@pytest.mark.parametrize("weights", ["none", "official"])
def test_what_is_a_name_is_not_kept_twice(prepared, weights):
    assert header(prepared, weights=weights).given == Given()


def test_the_card_is_kept_unless_posemark_brings_it(prepared, tmp_path):
    own = str(made_cards.card(tmp_path))
    assert header(prepared, card=own).given == Given(card=own)
    (brought, *_) = built_in().values()
    assert header(prepared, card=str(brought)).given == Given()


def test_a_header_without_it_is_read_and_gives_a_command_all_the_same(prepared):
    made = header(prepared, repeat=3)
    plain = msgspec.to_builtins(made)
    del plain["given"]
    old = msgspec.convert(plain, Header)
    assert old.given == Given()
    assert old.identity() == made.identity()
    assert " --repeat 3 --machine 'the shelf' --budget" in command(row_of_header(old))
