"""Every piece of work is finished or given up, whatever is lost meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from posemark.scale.dispatch import Dispatch


def test_a_piece_that_fails_takes_turns_with_new_ones_and_is_then_given_up():
    work = Dispatch("abc", attempts=3)
    taken = []
    while (next_one := work.take()) is not None:
        ticket, piece = next_one
        taken.append(piece)
        if piece == "a":
            work.failed(ticket, f"lost {len(taken)}")
        else:
            assert work.finished(ticket) == piece
    assert "".join(taken) == "abaca"
    assert work.given_up == [("a", "lost 5")]
    assert work.over


def test_nothing_is_read_before_it_is_needed():
    read = []

    def source():
        for number in range(10**9):
            read.append(number)
            yield number

    work = Dispatch(source())
    assert read == []
    for _ in range(3):
        work.take()
    assert read == [0, 1, 2]
    assert not work.over


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=200))
def test_no_piece_is_lost_or_finished_twice(pieces, events):
    work, running, done = Dispatch(range(pieces), attempts=3), [], []
    for place, fails in [*events, *[(0, False)] * (3 * pieces + 1)]:
        while len(running) < 4 and (taken := work.take()) is not None:
            running.append(taken)
        if not running:
            break
        ticket, _ = running.pop(place % len(running))
        if fails:
            work.failed(ticket, "lost")
        else:
            done.append(work.finished(ticket))
    assert work.take() is None
    assert work.over
    assert sorted([*done, *(piece for piece, _ in work.given_up)]) == list(range(pieces))
