"""One time budget for several entries, on simulated machines: which entry gets how much."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.loop import BLOCK_SECONDS
from posemark.measure.speed_interval import FEWEST_BLOCKS, MOST_HALF_WIDTH
from posemark.run.interleave import share_time
from posemark.run.measurement import Standing
from posemark.run.time_budget import (
    FEWEST_LINE_FRAMES,
    Account,
    Turn,
    Work,
    next_turns,
    short_of_blocks,
    worth_opening,
)
from runs import Heard

SENTINEL = 0.02


@dataclass
class Clock:
    """The remaining seconds of a time that only the lanes use up."""

    left: float


@dataclass
class Lane:
    """An entry with frames of equal duration; its interval narrows with the root of its blocks.

    Attributes:
        frame: seconds per frame.
        opening: seconds to build its network.
        guess: seconds per frame as the warm-up estimates them; None for the true ones.
        width: relative half width of the interval of one block.
        images: the number of images.
        perfect_left: seconds that its perfect outputs take.
    """

    clock: Clock
    frame: float
    opening: float = 0.0
    guess: float | None = None
    width: float = 0.1
    images: int = 10**9
    perfect_left: float = 0.0
    standing: Standing = field(default_factory=Standing)
    spent: float = 0.0
    ended: str = ""
    closed: int = 0
    path: Path = Path("lane.jsonl")

    def open(self):
        self.clock.left -= self.opening
        guess = self.frame if self.guess is None else self.guess
        over = self.standing.frames >= self.images
        self.standing = replace(
            self.standing, frame_seconds=guess, perfect_seconds=self.perfect_left, over=over
        )

    def block(self):
        left = self.images - self.standing.frames
        frames = min(left, max(1, -(-BLOCK_SECONDS // self.frame)))
        seconds = SENTINEL + frames * self.frame
        self.clock.left -= seconds
        self.spent += seconds
        self.standing = replace(
            self.standing,
            blocks=self.standing.blocks + 1,
            frames=self.standing.frames + int(frames),
            frame_seconds=self.frame,
            over=left <= frames,
        )
        return not self.standing.over

    def perfect(self, seconds):
        done = min(seconds, self.standing.perfect_seconds)
        self.clock.left -= done
        rest = self.standing.perfect_seconds - done
        self.standing = replace(self.standing, perfect_seconds=rest)

    def half_width(self):
        return self.width / self.standing.blocks**0.5

    def end(self, reason):
        assert not self.standing.over
        self.ended = reason

    def close(self):
        self.closed += 1


def shared(clock, lanes):
    """Run these lanes, and return what their watcher heard."""
    heard, places = Heard(), dict(enumerate(lanes))
    share_time(places, {n: Work(f"network {n}") for n in places}, heard, clock)
    return heard


def lanes_of(clock, *frames, **changes):
    return [Lane(clock, seconds, **changes) for seconds in frames]


def blocks(lanes):
    return [lane.standing.blocks for lane in lanes]


FRAMES = st.lists(st.floats(0.005, 20), min_size=1, max_size=25)


def block_of(frame):
    return SENTINEL + frame * max(1, -(-BLOCK_SECONDS // frame))


# --- what is always so --------------------------------------------------------------------------


@given(FRAMES, st.floats(1, 600))
def test_the_time_is_kept_and_used(frames, seconds):
    clock = Clock(seconds)
    lanes = lanes_of(clock, *frames)
    heard = shared(clock, lanes)
    opened = [lanes[place] for place in heard.opened]
    shortest = min(block_of(lane.frame) for lane in opened)
    # The estimate of a first block does not include the sentinel.
    late = shortest if seconds < shortest else SENTINEL
    assert clock.left >= -late - 1e-9
    assert clock.left < shortest + SENTINEL, "while a block fits, it is run"
    assert heard.opened == list(range(len(opened)))
    assert len(heard.paths) == len(opened)
    assert all(lane.ended == "within" for lane in opened)
    assert all(lane.closed for lane in lanes)


@given(FRAMES, st.floats(1, 50))
def test_where_the_time_allows_it_every_entry_has_its_blocks_and_frames(frames, more):
    needed = sum(max(FEWEST_BLOCKS, FEWEST_LINE_FRAMES) * block_of(frame) for frame in frames)
    clock = Clock(needed + more)
    lanes = lanes_of(clock, *frames)
    assert shared(clock, lanes).unable == []
    assert min(blocks(lanes)) >= FEWEST_BLOCKS
    assert min(lane.standing.frames for lane in lanes) >= FEWEST_LINE_FRAMES


@given(FRAMES, st.floats(1, 600))
def test_no_order_would_give_more_entries_their_blocks(frames, seconds):
    """Compare with the optimum: as many entries as fit, the cheapest first."""
    clock = Clock(seconds)
    lanes = lanes_of(clock, *sorted(frames))
    shared(clock, lanes)
    rest, most = seconds, 0
    for cost in sorted(FEWEST_BLOCKS * block_of(frame) for frame in frames):
        rest -= cost
        most += rest >= len(frames) * SENTINEL  # which the estimate does not include
    assert sum(count >= FEWEST_BLOCKS for count in blocks(lanes)) >= most


@given(FRAMES, st.floats(1, 600), st.lists(st.floats(0.3, 3), min_size=25, max_size=25))
def test_wrong_guesses_are_mended_by_what_is_measured(frames, seconds, errors):
    clock = Clock(seconds)
    pairs = zip(frames, errors, strict=False)
    lanes = [Lane(clock, frame, guess=frame * error) for frame, error in pairs]
    shared(clock, lanes)
    # Only first blocks are estimated; each may take longer than estimated, also the last one.
    assert clock.left >= -max(map(block_of, frames))
    assert all(lane.ended for lane in lanes if lane.standing.blocks)


# --- the first run of the post's 25 configurations ----------------------------------------------

SEED_FRAMES = (
    *(2.5, 0.15, 10, 0.7, 2.5, 0.15, 2.5, 0.15, 10, 0.7, 4, 0.3, 6, 0.4, 1, 0.1, 1, 0.1),
    *(1.0, 0.8, 5, 1.5, 8, 3, 16),
)
"""Seconds per frame on two cores, for the entries that were known when this was written."""


def test_seven_minutes_give_twenty_of_the_posts_entries_their_blocks():
    clock = Clock(400)
    lanes = [
        Lane(clock, frame, opening=2 + max(2, frame), perfect_left=6, width=0.3)
        for frame in sorted(SEED_FRAMES)
    ]
    heard = shared(clock, lanes)
    assert clock.left >= -1
    assert sum(count >= FEWEST_BLOCKS for count in blocks(lanes)) >= 20
    short = [n for n, lane in enumerate(lanes) if lane.standing.blocks < FEWEST_BLOCKS]
    assert set(short) <= set(heard.unable), "and those that stay short were said at once"


# --- what comes first ---------------------------------------------------------------------------


def account(frame=0.1, blocks=0, frames=None, network="a", width=None, **standing):
    frames = blocks if frames is None else frames
    return Account(Work(network), Standing(blocks, frames, frame, **standing), half_width=width)


def test_entries_that_can_have_five_blocks_take_turns_until_they_have_them():
    accounts = {0: account(), 1: account(blocks=4), 2: account(blocks=5), 3: account(network="c")}
    turns = next_turns(accounts, 100)
    assert [(turn.place, turn.action) for turn in turns] == [(n, "block") for n in (0, 1, 3)]


def test_one_block_is_for_those_that_cannot_have_five_once_the_others_do():
    slow, done = account(10), account(blocks=5, frames=50)
    assert [turn.place for turn in next_turns({0: slow, 1: account()}, 30)] == [1]
    assert [turn.place for turn in next_turns({0: slow, 1: done}, 30)] == [0]


def test_what_cannot_have_five_blocks_waits_until_the_others_have_them():
    accounts = {0: account(10, blocks=1), 1: account(0.5, blocks=1), 2: account(1, blocks=1)}
    assert [turn.place for turn in next_turns(accounts, 20)] == [1, 2]
    assert short_of_blocks(accounts, 20) == [0]
    assert short_of_blocks(accounts, 46) == []


def test_entries_of_one_network_have_their_ten_frames_together():
    def three(network):
        return {n: account(2, 5, 5, network=network(n), width=0.01) for n in range(3)}

    assert all(turn.spare for turn in next_turns(three(lambda _: "one"), 100))
    turns = next_turns(three(str), 100)
    assert [turn.place for turn in turns] == [0, 1, 2]
    assert turns[0].goal == pytest.approx(10), "five frames more"


def test_the_frames_of_an_entry_that_is_over_count_for_its_network():
    over = account(2, 5, 8, width=0.01, over=True)
    turns = next_turns({0: over, 1: account(2, 5, 5, width=0.01)}, 100)
    assert [(turn.place, turn.spare) for turn in turns] == [(1, True)]


def test_the_codec_ceiling_comes_after_the_frames_and_before_what_is_spare():
    done = account(1, 10, width=0.5, perfect_seconds=4)
    (turn,) = next_turns({0: done}, 10)
    assert turn == Turn(0, "perfect", 1.0, 4.0)
    assert next_turns({0: done}, 3)[0].action == "block", "half a ceiling is worth nothing"


def test_spare_time_goes_evenly_to_those_that_are_still_noisy():
    clock = Clock(300)
    lanes = [Lane(clock, 0.25, width=1), Lane(clock, 3, width=1), Lane(clock, 0.25, width=0.001)]
    shared(clock, lanes)
    assert lanes[2].spent < 10, "narrow from its first interval on"
    assert lanes[0].spent == pytest.approx(lanes[1].spent, abs=35), "beyond ten frames"


def test_once_all_intervals_are_narrow_all_entries_continue_to_the_end_of_the_time():
    clock = Clock(100)
    lanes = lanes_of(clock, 0.2, 0.3, width=MOST_HALF_WIDTH)
    shared(clock, lanes)
    assert clock.left < 1
    assert lanes[0].spent == pytest.approx(lanes[1].spent, abs=5)


# --- ends ---------------------------------------------------------------------------------------


def test_an_entry_that_has_all_its_frames_leaves_its_time_to_the_others():
    clock = Clock(60)
    lanes = [Lane(clock, 0.25, images=7), Lane(clock, 0.25)]
    heard = shared(clock, lanes)
    assert (lanes[0].standing.frames, lanes[0].ended) == (7, "")
    assert lanes[1].spent > 55
    assert len(heard.paths) == 2


def test_a_resumed_entry_continues_with_its_blocks():
    clock = Clock(31)
    have = Standing(blocks=4, frames=9)
    lanes = [Lane(clock, 5, standing=have), Lane(clock, 5)]
    shared(clock, lanes)
    assert blocks(lanes) == [5, 5], "one more for the first, all for the other"


def test_an_entry_that_has_everything_is_only_ended():
    clock = Clock(5)
    lanes = [Lane(clock, 0.1, images=9, standing=Standing(3, 9)), Lane(clock, 0.1)]
    heard = shared(clock, lanes)
    assert lanes[0].ended == ""
    assert len(heard.paths) == 2
    assert heard.paths[0] == lanes[0].path


def test_no_network_is_built_that_would_cost_the_others_their_blocks():
    clock = Clock(100)
    lanes = lanes_of(clock, 0.5, 0.5, 0.5, 0.5, opening=30)
    heard = shared(clock, lanes)
    assert heard.opened == [0, 1, 2]
    assert min(blocks(lanes[:3])) >= FEWEST_BLOCKS - 1
    assert (blocks(lanes[3:]), [lane.ended for lane in lanes[3:]]) == ([0], [""])
    assert 3 in heard.unable
    assert len(heard.paths) == 3
    assert all(lane.closed for lane in lanes)


def test_what_a_further_network_takes_follows_from_those_that_are_open():
    """An entry of 1 s per frame was ready after 3 s, 2/3 s of which were its warm-up."""
    standing = Standing(blocks=0, frame_seconds=1.0)
    accounts = {0: Account(Work("a", frame=3e9, warm_up=2e9), standing, opening=3.0)}
    further = Work("b", frame=30e9, warm_up=4e9)
    needed = 5 * 1.0 + (3 - 2 / 3) + 4 / 3 + 10
    assert worth_opening(accounts, further, needed + 0.01)
    assert not worth_opening(accounts, further, needed - 0.01)
    over = {0: replace(accounts[0], standing=replace(standing, over=True))}
    assert worth_opening(over, further, needed - 5 + 0.01), "it is owed nothing"


def test_a_run_never_ends_with_nothing():
    clock = Clock(3)
    lanes = lanes_of(clock, 20, 10)
    heard = shared(clock, lanes)
    assert blocks(lanes) == [1, 0]
    assert heard.unable == [1, 0]
    assert [lane.ended for lane in lanes] == ["within", ""]


def test_whatever_happens_every_lane_is_closed():
    class Broken(Lane):
        def block(self):
            raise RuntimeError

    clock = Clock(10)
    lanes = [Lane(clock, 0.1), Broken(clock, 0.1)]
    with pytest.raises(RuntimeError):
        shared(clock, lanes)
    assert all(lane.closed for lane in lanes)
