"""When a worker counts as deaf. That a deaf one ends is in tests/browser/test_outages.py."""

from telemed.core.hearing import Ears


def test_deaf_is_who_is_idle_and_takes_nothing_while_work_waits_for_all_of_the_time() -> None:
    ears = Ears(seconds=60)
    assert not ears.deaf(0, waiting=3, busy=False, taken=7)  # it has just taken the seventh
    assert [ears.deaf(now, waiting=3, busy=False, taken=7) for now in (1, 60.9, 61)] == [False, False, True]


def test_who_works_takes_something_or_has_nothing_to_take_is_not_deaf() -> None:
    for waiting, busy, taken in ((3, True, 7), (3, False, 8), (0, False, 7)):
        ears = Ears(seconds=60, taken=7)
        assert not ears.deaf(0, waiting=3, busy=False, taken=7)
        assert not ears.deaf(59, waiting=waiting, busy=busy, taken=taken)
        assert [ears.deaf(now, waiting=3, busy=False, taken=taken) for now in (60, 119, 120)] == [False, False, True]
