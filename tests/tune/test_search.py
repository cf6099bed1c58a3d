"""The search for the fastest setting, on made machines whose truth is known."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.speed_interval import Interval
from posemark.models import spec_of
from posemark.run.options import Options, require_consistent
from posemark.tune import search_space
from posemark.tune.search import PROVEN, Cost, StepError, climb
from posemark.tune.search_space import Step, Subject

START = Options("sample", 8, runtime="torch", precision="fp32")
MODEL = "naive-litehrnet-18-256x192"
FIELDS = ("runtime", "threads", "codec", "layout", "persons")


def unheard(_):
    """Whom it does not interest."""


def subject(model=MODEL, **changes):
    return Subject(
        **{"spec": spec_of(model), "runtimes": ("torch",), "calibrate": None, "cores": 1} | changes
    )


@dataclass
class Machine:
    """Knows how fast and how dear every value of an option is; factors multiply, costs add.

    spread: relative half width of a measured gain. unmeasurable: steps without an interval.
    """

    speeds: dict = field(default_factory=dict)
    losses: dict = field(default_factory=dict)
    spread: float = 0.0
    unknown: str = ""
    refused: dict = field(default_factory=dict)
    broken: tuple = ()
    unmeasurable: tuple = ()
    duels: list = field(default_factory=list)

    def _values(self, options):
        return [(name, getattr(options, name)) for name in (*FIELDS, "precision", "max_batch")]

    def speed(self, options):
        product = 1.0
        for value in self._values(options):
            product *= self.speeds.get(value, 1.0)
        return product

    def loss(self, options):
        return sum(self.losses.get(value, 0.0) for value in self._values(options))

    def refusal(self, options):
        found = [why for value, why in self.refused.items() if value in self._values(options)]
        return "".join(found[:1])

    def duel(self, name, best, tried):
        self.duels.append((name, best, tried))
        if name in self.broken:
            raise StepError(f"{name} broke.")
        if name in self.unmeasurable:
            return None
        ratio = self.speed(tried) / self.speed(best)
        return Interval(ratio, ratio * (1 - self.spread), ratio * (1 + self.spread))

    def cost(self, tried):
        if self.unknown:
            return Cost(100, 0.99, None, self.unknown)
        return Cost(100, 0.99, self.loss(tried) - self.loss(START))

    @property
    def unjudged(self):
        return self.unknown


def alternatives(changes):
    """One phase with a step a change."""
    return [lambda *_: [Step(f"{name} {value}", {name: value}) for name, value in changes]]


CHANGES = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.integers(100, 105)), unique=True, max_size=8
)
FACTORS = st.floats(0.3, 3)
LOSSES = st.floats(-0.2, 0.5)


@given(st.data(), CHANGES, st.floats(0, 0.1), st.floats(0, 0.5))
def test_the_result_is_faster_and_within_the_bound_whatever_the_machine(
    data, changes, spread, bound
):
    machine = Machine(
        {change: data.draw(FACTORS) for change in changes},
        {change: data.draw(LOSSES) for change in changes},
        spread,
    )
    told = []
    ladder = climb(START, subject(), machine, bound, told.append, alternatives(changes))
    assert machine.loss(ladder.best) - machine.loss(START) <= bound + 1e-12
    kept = [rung for rung in ladder.rungs if rung.kept]
    assert list(ladder.rungs) == told
    assert all(rung.gain.low > PROVEN and not rung.why for rung in kept)
    assert all(rung.why for rung in ladder.rungs if not rung.kept)
    assert ladder.best == (kept[-1].options if kept else START)
    totals = [1.0, *(rung.total for rung in kept)]
    assert totals == sorted(totals), "never slower than before"
    if kept:
        assert kept[-1].total == pytest.approx(machine.speed(ladder.best) / machine.speed(START))
        assert ladder.total.point == pytest.approx(kept[-1].total)
        assert ladder.cost == kept[-1].cost
    else:
        assert (ladder.total, ladder.cost) == (None, None)


@given(st.data())
def test_steps_that_do_not_interact_give_one_result_in_any_order(data):
    changes = [(name, 100) for name in FIELDS]
    machine = Machine({change: data.draw(FACTORS) for change in changes})
    results = [
        climb(START, subject(), machine, 0.1, unheard, alternatives(order)).best
        for order in (changes, data.draw(st.permutations(changes)))
    ]
    assert results[0] == results[1]
    every = {name: 100 for name, factor in zip(FIELDS, machine.speeds.values(), strict=True)
             if factor > PROVEN}  # fmt: skip
    assert results[0] == replace(START, **every)


def test_costs_of_all_steps_together_stay_within_the_bound():
    """Each alone would be allowed; the second would take the sum beyond it."""
    changes = [("runtime", 100), ("layout", 100), ("codec", 100)]
    machine = Machine(dict.fromkeys(changes, 2.0), dict.fromkeys(changes, 0.08))
    ladder = climb(START, subject(), machine, 0.1, unheard, alternatives(changes))
    assert [rung.kept for rung in ladder.rungs] == [True, False, False]
    assert ladder.rungs[1].why == "costs more than 0.1 AP"
    assert ladder.total.point == pytest.approx(2)


def test_without_known_ap_a_step_is_kept_with_reserve_and_a_decoder_is_left_alone():
    machine = Machine({("layout", 1): 2.0, ("codec", 1): 2.0}, unknown="no trained weights")
    phases = [
        lambda *_: [Step("layout", {"layout": 1}), Step("decoder", {"codec": 1}, decodes=True)]
    ]
    first, second = climb(START, subject(), machine, 0.1, unheard, phases).rungs
    assert (first.kept, first.why) == (True, "accuracy unknown: no trained weights")
    assert (second.kept, second.why) == (
        False,
        "a decoder is not changed if the AP is unknown (no trained weights)",
    )


def test_what_cannot_be_tried_is_listed_with_its_reason_and_the_search_goes_on():
    machine = Machine(
        {("layout", 1): 2.0},
        refused={("runtime", 1): "not here."},
        broken=("threads 1",),
        unmeasurable=("codec 1",),
    )
    changes = [("runtime", 1), ("threads", 1), ("codec", 1), ("layout", 1)]
    ladder = climb(START, subject(), machine, 0.1, unheard, alternatives(changes))
    whys = [rung.why for rung in ladder.rungs]
    assert whys[:2] == ["not here.", "threads 1 broke."]
    assert whys[2].startswith("undecided: fewer than 5 blocks")
    assert [rung.kept for rung in ladder.rungs] == [False, False, False, True]
    assert [name for name, *_ in machine.duels] == ["threads 1", "codec 1", "layout 1"]


@pytest.mark.parametrize(
    ("ratio", "spread", "why"),
    [
        (1.5, 0.1, ""),
        (1.05, 0.1, "not proven: the interval begins below 1.02"),
        (1.01, 0.0, "no faster"),
        (0.5, 0.1, "slower"),
    ],
)
def test_a_gain_is_proven_where_its_whole_interval_lies_above_two_per_cent(ratio, spread, why):
    machine = Machine({("layout", 1): ratio}, spread=spread)
    (rung,) = climb(START, subject(), machine, 0, unheard, alternatives([("layout", 1)])).rungs
    assert (rung.kept, rung.why) == (not why, why)


# --- the steps themselves -----------------------------------------------------------------------


def names(ladder):
    return [rung.step for rung in ladder.rungs]


def test_lower_precisions_are_tried_on_the_two_fastest_runtimes():
    machine = Machine({("runtime", "openvino"): 2.0, ("runtime", "onnxruntime"): 1.5})
    everything = subject(runtimes=("torch", "onnxruntime", "openvino", "tflite"))
    ladder = climb(START, everything, machine, 0.1, unheard)
    assert names(ladder) == [
        *("onnxruntime", "openvino", "tflite"),
        *("openvino bf16", "openvino fp16", "openvino int8"),
        *("onnxruntime bf16", "onnxruntime fp16", "onnxruntime int8"),
        *("channels-last", "1 thread", "batches of 2", "batches of 4", "batches of 8"),
        "decoder argmax",
    ]
    assert ladder.best == replace(START, runtime="openvino")


def test_frames_are_overlapped_only_for_throughput():
    assert search_space.streams(subject(cores=8), []) == []
    tried = [step.change for step in search_space.streams(subject(cores=8, goal="throughput"), [])]
    assert tried == [{"mode": "overlapped", "threads": 8, "streams": n} for n in (8, 4, 2)]
    (one_core,) = search_space.streams(subject(cores=1, goal="throughput"), [])
    assert one_core.missing == "there is one core for one frame"


def test_every_number_of_streams_is_a_consistent_choice():
    for step in search_space.streams(subject(cores=12, goal="throughput"), []):
        require_consistent(step.applied(replace(START, threads=1)))


def test_threads_are_halved_down_to_one_and_calibration_goes_with_int8_only():
    tried = [step.change for step in search_space.threads(subject(cores=12), [])]
    assert tried == [{"threads": n} for n in (12, 6, 3, 1)]
    changes = [s.change for s in search_space.precisions(subject(calibrate="coco:x"), ["openvino"])]
    assert [(c["precision"], c["calibrate"]) for c in changes] == [
        *(("bf16", None), ("fp16", None), ("int8", "coco:x"))
    ]


@pytest.mark.parametrize(
    ("model", "decoders"),
    [
        ("dark-w32-256x192", ["decoder quarter", "decoder argmax"]),
        ("openpose-body25", ["decoder paf:cpu"]),
        ("openpose-coco", ["decoder paf:cpu"]),
    ],
)
def test_decoders_that_do_less_are_tried(model, decoders):
    assert [step.name for step in search_space.decoders(subject(model), [])] == decoders


def test_what_a_bottom_up_model_has_not_is_said():
    found = [
        phase(subject("dekr-w32-512"), [])
        for phase in (search_space.batches, search_space.decoders)
    ]
    assert [[step.missing for step in phase] for phase in found] == [
        ["a bottom-up network sees the whole image"],
        ["this model's decoder has no variants"],
    ]
    ladder = climb(
        START,
        subject("dekr-w32-512"),
        Machine(),
        0,
        unheard,
        [search_space.batches, search_space.decoders],
    )
    assert [rung.kept for rung in ladder.rungs] == [False, False]
