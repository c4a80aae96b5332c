"""The checks of the crash rounds against histories with one fault each: a check that finds nothing proves nothing."""

from dataclasses import replace

from harness import checks
from harness.history import Handled, History, Received, Send, Told

ACK, UNKNOWN = Told.ACKNOWLEDGED, Told.UNKNOWN
LAZY, STRICT = {"receives_are_durable": False}, {"receives_are_durable": True}


def send(body: str, at: float = 0, told: Told = ACK, **more) -> Send:
    """A send that took no time."""
    return Send("q", body, at, at, told, **({"message_id": f"id-{body}", "sequence": int(at * 10) + 1} | more))


def received(body: str, at: float, **more) -> Received:
    """A receive that took no time."""
    plain = Received("q", body, f"id-{body}", f"handle-{body}-{at}", 1, 0, int(at * 10), 0, at, at, 3, 1)
    return replace(plain, **more)


def deleted(message: Received, at: float, told: Told = ACK) -> Handled:
    """A delete that took no time."""
    return Handled(message, at, at, told)


def test_an_honest_history_passes():
    first, second = received("g-1", 1, sequence=1), received("g-2", 2, sequence=2)
    sends = [send("g-1", 0, sequence=1), send("g-2", 0.1, sequence=2)]
    history = History(sends, [first, second], [deleted(first, 1.5), deleted(second, 2.5)])
    assert checks.of_standard(history) == []
    assert checks.of_fifo(history) == []


def test_a_lost_message_is_found():
    assert checks.lost(History([send("a")]))
    assert checks.lost(History([send("a")], [received("a", 1)]))
    assert checks.lost(History([send("a", told=UNKNOWN)])) == []
    message = received("a", 1)
    assert checks.lost(History([send("a")], [message], [deleted(message, 2, Told.REFUSED)]))
    assert checks.lost(History([send("a")], [message], [deleted(message, 2, UNKNOWN)])) == []


def test_a_changed_body_is_found():
    message = received("b", 1, message_id="id-a")
    assert checks.lost(History([send("a")], [message], [deleted(message, 2)]))


def test_an_invented_message_is_found():
    assert checks.invented(History([], [received("a", 1)]))
    twice = [received("a", 1), received("a", 2, message_id="another")]
    assert checks.invented(History([send("a")], twice))


def test_a_message_that_reappears_is_found():
    message = received("a", 1)
    history = History([send("a")], [message, received("a", 9)], [deleted(message, 2)])
    assert checks.reappeared(history, **LAZY) and checks.reappeared(history, **STRICT)
    # The crash may have forgotten the receive, and with it the meaning of its handle.
    history.crashes = [1.2]
    assert checks.reappeared(history, **LAZY) == []
    assert checks.reappeared(history, **STRICT)


def test_a_count_that_stands_still_is_found():
    twice = [received("a", 1), received("a", 5)]
    assert checks.counted_wrong(History([], twice), **LAZY)
    twice[1].incarnation = 2
    assert checks.counted_wrong(History([], twice), **LAZY) == []
    assert checks.counted_wrong(History([], twice), **STRICT)


def test_a_message_shown_too_early_is_found():
    early = [received("a", 1), received("a", 2, count=2)]
    history = History([], early)
    assert checks.shown_early(history, **LAZY)
    history.changes = [deleted(early[0], 1.5)]
    assert checks.shown_early(history, **LAZY) == []


def test_a_handle_given_twice_is_found():
    assert checks.same_handle(History([], [received("a", 1), received("b", 2, handle="handle-a-1")]))


def test_a_message_kept_in_two_queues_is_found():
    assert checks.kept_twice([received("a", 1, queue="http://h/1/q"), received("a", 2, queue="http://h/1/dead")])
    assert checks.kept_twice([received("a", 1, queue="http://h/1/q")]) == []


def test_a_duplicate_is_found():
    sends = [send("a", 1), send("a", 2, message_id="another", sequence=11)]
    assert checks.duplicated(History(sends))


def test_a_message_before_its_time_is_found():
    sends = [send("g-1", 0), send("g-2", 0.1)]
    assert checks.out_of_order(History(sends, [received("g-2", 1)]))
    together = [received("g-1", 1, answer=7, place=0), received("g-2", 1, answer=7, place=1)]
    assert checks.out_of_order(History(sends, together)) == []
    swapped = [received("g-1", 1, answer=7, place=1), received("g-2", 1, answer=7, place=0)]
    assert checks.out_of_order(History(sends, swapped))


def test_a_sequence_that_falls_is_found():
    assert checks.sequences_out_of_order(History([send("g-1", 0, sequence=5), send("g-2", 1, sequence=4)]))
