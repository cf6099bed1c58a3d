"""Divides one time budget among several entries, so that as many as possible can be judged.

This module only computes which entries run next; interleave.py runs them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from statistics import median
from typing import Literal

from posemark.measure.loop import BLOCK_SECONDS
from posemark.measure.speed_interval import FEWEST_BLOCKS, FEWEST_LINE_FRAMES, MOST_HALF_WIDTH
from posemark.run.measurement import Standing

PERFECT_SECONDS = 1.0
"""Longest turn for decoding perfect outputs; most entries need only one such turn."""

Action = Literal["block", "perfect"]


@dataclass(frozen=True)
class Work:
    """The work of an entry, as far as it is known before the entry is opened.

    Attributes:
        network: identifies the inference; entries with the same value share the frames that
            FEWEST_LINE_FRAMES requires.
        frame: multiply-accumulates of a frame with the usual number of people; 0 if unknown.
        warm_up: multiply-accumulates of the warm-up frame; 0 if unknown.
    """

    network: str
    frame: float = 0.0
    warm_up: float = 0.0


@dataclass(frozen=True)
class Account:
    """The part of the common time that one entry has used.

    Attributes:
        work: the work of the entry.
        standing: its progress, measurements of a resumed record included.
        opening: seconds until the entry was ready for its first block.
        half_width: relative half width of the interval of its pose FPS; None without interval.
        blocks: the number of its blocks in this run.
        seconds: the duration of these blocks, sentinels included.
        spare: seconds of its turns that no goal required (Turn.spare).
    """

    work: Work
    standing: Standing
    opening: float = 0.0
    half_width: float | None = None
    blocks: int = 0
    seconds: float = 0.0
    spare: float = 0.0

    @property
    def block_seconds(self) -> float:
        """Return the expected duration of the next block."""
        if self.blocks:
            return self.seconds / self.blocks
        frame = self.standing.frame_seconds
        return frame * ceil(BLOCK_SECONDS / frame) if frame else BLOCK_SECONDS

    @property
    def missing_blocks(self) -> int:
        """Return the number of blocks that are missing for an interval."""
        return max(0, FEWEST_BLOCKS - self.standing.blocks)

    @property
    def missing_seconds(self) -> float:
        """Return the expected duration of the missing blocks; 0.0 if the entry is over."""
        return 0.0 if self.standing.over else self.missing_blocks * self.block_seconds

    def charged(
        self, turn: "Turn", seconds: float, standing: Standing, width: float | None
    ) -> "Account":
        """Return the account after a turn.

        Args:
            turn: the turn.
            seconds: how long it took.
            standing: the progress of the entry after it.
            width: relative half width of the interval after it; None without interval.
        """
        spare = self.spare + (seconds if turn.spare else 0.0)
        after = replace(self, standing=standing, half_width=width, spare=spare)
        if turn.action == "perfect":
            return after
        return replace(after, blocks=self.blocks + 1, seconds=self.seconds + seconds)


@dataclass(frozen=True)
class Turn:
    """The next step of an entry.

    Attributes:
        place: the place of the entry in the run.
        action: "block" runs a block of frames, "perfect" decodes perfect outputs.
        seconds: the expected duration of this turn.
        goal: the expected seconds until the entry reaches the goal that the turn is for.
        spare: whether the turn is for no goal, and only makes the interval narrower.
    """

    place: int
    action: Action
    seconds: float
    goal: float
    spare: bool = False


def next_turns(accounts: Mapping[int, Account], left: float) -> list[Turn]:
    """Return the turns of the next round.

    The goals of an entry are, in this order: FEWEST_BLOCKS blocks, without which it has no
    interval; if the time is too short for that, one block; FEWEST_LINE_FRAMES frames; the codec
    ceiling. A round serves the first goal that the time suffices for, for as many entries as
    possible, the cheapest first. When no goal is left, the time is divided evenly among the
    entries whose interval is wider than MOST_HALF_WIDTH, and finally among all entries.

    Args:
        accounts: the accounts of the open entries, by place.
        left: the remaining seconds.

    Returns:
        The turns, sorted by place; an empty list if no turn fits into the remaining time. As long
        as no entry has a block, the cheapest first block is returned even if it does not fit.
    """
    for goal in _GOALS:
        found = _affordable(goal(accounts), left)
        if found:
            return sorted(found, key=lambda turn: turn.place)
    for wanted in (_is_wide, _always):
        found = [turn for turn in _spare_blocks(accounts, wanted) if turn.seconds <= left]
        if found:
            return [min(found, key=lambda turn: accounts[turn.place].spare)]
    return _at_least_one(accounts)


def _at_least_one(accounts: Mapping[int, Account]) -> list[Turn]:
    """Return the cheapest first block if no entry has a block: a run never ends without any."""
    first = list(_first_block(accounts))
    no_blocks = len(first) == len(accounts)
    return [min(first, key=lambda turn: turn.seconds)] if no_blocks and first else []


def short_of_blocks(accounts: Mapping[int, Account], left: float) -> list[int]:
    """Return the places of the entries that cannot reach FEWEST_BLOCKS in the remaining time.

    Args:
        accounts: the accounts of the open entries, by place.
        left: the remaining seconds.
    """
    wanted = list(_blocks_for_interval(accounts))
    able = {turn.place for turn in _affordable(wanted, left)}
    return [turn.place for turn in wanted if turn.place not in able]


def worth_opening(accounts: Mapping[int, Account], work: Work, left: float) -> bool:
    """Return whether the time suffices for opening one more entry and running a block of it.

    The missing blocks of the open entries come first. The first entry is always opened.

    Args:
        accounts: the accounts of the open entries, by place.
        work: the work of the further entry.
        left: the remaining seconds.
    """
    if not accounts:
        return True
    known = [each for each in accounts.values() if each.work.frame]
    # Seconds per multiply-accumulate.
    rate = median(each.standing.frame_seconds / each.work.frame for each in known) if known else 0.0
    building = median(each.opening - rate * each.work.warm_up for each in accounts.values())
    block = max(BLOCK_SECONDS, rate * work.frame)
    reserved = sum(each.missing_seconds for each in accounts.values())
    return reserved + building + rate * work.warm_up + block <= left


def _affordable(turns: Iterable[Turn], left: float) -> list[Turn]:
    """Return as many turns as possible whose goals fit into the time together."""
    found: list[Turn] = []
    for turn in sorted(turns, key=lambda turn: turn.goal):
        left -= turn.goal
        if left < 0:
            break
        found.append(turn)
    return found


def _running(accounts: Mapping[int, Account]) -> Iterable[tuple[int, Account]]:
    return ((place, each) for place, each in accounts.items() if not each.standing.over)


def _first_block(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        if not each.standing.blocks:
            yield Turn(place, "block", each.block_seconds, each.block_seconds)


def _blocks_for_interval(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        if each.missing_blocks:
            yield Turn(place, "block", each.block_seconds, each.missing_seconds)


def _frames_for_line(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    have, sharing = Counter[str](), Counter[str]()
    for each in accounts.values():
        have[each.work.network] += each.standing.frames
    able = [(place, each) for place, each in _running(accounts) if not each.missing_blocks]
    sharing.update(each.work.network for _, each in able)
    for place, each in able:
        missing = FEWEST_LINE_FRAMES - have[each.work.network]
        if missing > 0:
            frames_per_block = max(1.0, each.standing.frames / each.standing.blocks)
            blocks = ceil(missing / sharing[each.work.network] / frames_per_block)
            yield Turn(place, "block", each.block_seconds, blocks * each.block_seconds)


def _codec_ceiling(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        needed = each.standing.perfect_seconds
        if needed > 0:
            yield Turn(place, "perfect", min(PERFECT_SECONDS, needed), needed)


def _spare_blocks(
    accounts: Mapping[int, Account], wanted: Callable[[Account], bool]
) -> Iterable[Turn]:
    for place, each in _running(accounts):
        if wanted(each):
            yield Turn(place, "block", each.block_seconds, each.block_seconds, spare=True)


def _is_wide(account: Account) -> bool:
    """Return whether an entry with enough blocks has a wide interval, or none.

    One more block is of no use to an entry with too few blocks for an interval.
    """
    wide = account.half_width is None or account.half_width > MOST_HALF_WIDTH
    return wide and not account.missing_blocks


def _always(_: Account) -> bool:
    return True


_GOALS = (_blocks_for_interval, _first_block, _frames_for_line, _codec_ceiling)
"""The goals in their order: what matters most for the judgement of an entry comes first."""
