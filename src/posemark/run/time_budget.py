"""One time for several entries: whose turn is next, so that as many as possible can be judged.

Pure arithmetic on where each entry stands; rounds.py does what it says.
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
"""Perfect outputs are decoded for so long at a time. Those of most entries take no longer."""

Action = Literal["block", "perfect"]


@dataclass(frozen=True)
class Work:
    """What an entry asks of the machine, as far as that is known before it is opened.

    network: entries with the same one share the frames that FEWEST_LINE_FRAMES asks for.
    frame, warm_up: multiply-accumulates of the usual frame and of the one for the warm-up; 0 of
    networks that nobody has counted.
    """

    network: str
    frame: float = 0.0
    warm_up: float = 0.0


@dataclass(frozen=True)
class Account:
    """What one entry has had of the common time.

    opening: seconds that it took until it was ready. half_width: as Measurement.half_width.
    blocks, seconds: of its blocks in this run, sentinel and all. spare: seconds that it was given
    beyond what it needed.
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
        """What its next block is expected to take."""
        if self.blocks:
            return self.seconds / self.blocks
        frame = self.standing.frame_seconds
        return frame * ceil(BLOCK_SECONDS / frame) if frame else BLOCK_SECONDS

    @property
    def missing_blocks(self) -> int:
        """Until there is an interval."""
        return max(0, FEWEST_BLOCKS - self.standing.blocks)

    @property
    def missing_seconds(self) -> float:
        """That the missing blocks are expected to take."""
        return 0.0 if self.standing.over else self.missing_blocks * self.block_seconds

    def charged(
        self, turn: "Turn", seconds: float, standing: Standing, width: float | None
    ) -> "Account":
        """After a turn that took so many seconds."""
        spare = self.spare + (seconds if turn.spare else 0.0)
        after = replace(self, standing=standing, half_width=width, spare=spare)
        if turn.action == "perfect":
            return after
        return replace(after, blocks=self.blocks + 1, seconds=self.seconds + seconds)


@dataclass(frozen=True)
class Turn:
    """What an entry is to do next.

    place: of the entry. seconds: that this turn is expected to take. goal: that it takes until
    the entry has what the turn is for. spare: the entry needs it for nothing in particular.
    """

    place: int
    action: Action
    seconds: float
    goal: float
    spare: bool = False


def next_turns(accounts: Mapping[int, Account], left: float) -> list[Turn]:
    """The turns of the next round, in the order of the entries; none when nothing fits any more.

    What comes first, each for as many entries as the time that is left can carry to it, the
    cheapest first: FEWEST_BLOCKS, without which an entry has no interval; one block of the others;
    FEWEST_LINE_FRAMES; the codec ceiling. Then the time goes evenly to entries whose interval is
    wider than MOST_HALF_WIDTH, then to all.

    If there is not even time for the cheapest first block, that one is run all the same.

    accounts: by place. left: seconds.
    """
    for goal in _GOALS:
        found = _affordable(goal(accounts), left)
        if found:
            return sorted(found, key=lambda turn: turn.place)
    for wanted in (_is_wide, _always):
        found = [turn for turn in _blocks(accounts, wanted) if turn.seconds <= left]
        if found:
            return [min(found, key=lambda turn: accounts[turn.place].spare)]
    return _at_least_one(accounts)


def _at_least_one(accounts: Mapping[int, Account]) -> list[Turn]:
    """A run never ends with nothing."""
    first = list(_first_block(accounts))
    nothing = len(first) == len(accounts)
    return [min(first, key=lambda turn: turn.seconds)] if nothing and first else []


def short_of_blocks(accounts: Mapping[int, Account], left: float) -> list[int]:
    """The places of the entries that the time left cannot carry to FEWEST_BLOCKS."""
    wanted = list(_five_blocks(accounts))
    able = {turn.place for turn in _affordable(wanted, left)}
    return [turn.place for turn in wanted if turn.place not in able]


def worth_opening(accounts: Mapping[int, Account], work: Work, left: float) -> bool:
    """Whether the time carries one more entry to a block, beside the five of all before it.

    accounts: of the entries that are open; the first is always worth it.
    """
    if not accounts:
        return True
    known = [each for each in accounts.values() if each.work.frame]
    rate = median(each.standing.frame_seconds / each.work.frame for each in known) if known else 0.0
    others = median(each.opening - rate * each.work.warm_up for each in accounts.values())
    block = max(BLOCK_SECONDS, rate * work.frame)
    owed = sum(each.missing_seconds for each in accounts.values())
    return owed + others + rate * work.warm_up + block <= left


def _affordable(turns: Iterable[Turn], left: float) -> list[Turn]:
    """The most turns whose goals fit into the time together."""
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


def _five_blocks(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        if each.missing_blocks:
            yield Turn(place, "block", each.block_seconds, each.missing_seconds)


def _ten_frames(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    have, sharing = Counter[str](), Counter[str]()
    for each in accounts.values():
        have[each.work.network] += each.standing.frames
    able = [(place, each) for place, each in _running(accounts) if not each.missing_blocks]
    sharing.update(each.work.network for _, each in able)
    for place, each in able:
        missing = FEWEST_LINE_FRAMES - have[each.work.network]
        if missing > 0:
            frames_a_block = max(1.0, each.standing.frames / each.standing.blocks)
            blocks = ceil(missing / sharing[each.work.network] / frames_a_block)
            yield Turn(place, "block", each.block_seconds, blocks * each.block_seconds)


def _ceiling(accounts: Mapping[int, Account]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        needed = each.standing.perfect_seconds
        if needed > 0:
            yield Turn(place, "perfect", min(PERFECT_SECONDS, needed), needed)


def _blocks(accounts: Mapping[int, Account], wanted: Callable[[Account], bool]) -> Iterable[Turn]:
    for place, each in _running(accounts):
        if wanted(each):
            yield Turn(place, "block", each.block_seconds, each.block_seconds, spare=True)


def _is_wide(account: Account) -> bool:
    """With fewer blocks, one more decides nothing."""
    wide = account.half_width is None or account.half_width > MOST_HALF_WIDTH
    return wide and not account.missing_blocks


def _always(_: Account) -> bool:
    return True


_GOALS = (_five_blocks, _first_block, _ten_frames, _ceiling)
"""In the order of what an entry cannot be judged without."""
