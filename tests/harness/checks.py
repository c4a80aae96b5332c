"""What must hold of a history, whatever crashed in between. Each check returns the violations it found, as sentences."""

import math
from collections import defaultdict
from itertools import pairwise

from harness.history import Handled, History, Received, Told

# A lazily written receive may be forgotten by a crash for 10 ms (architecture, section 4); far on the safe side of that.
FORGOTTEN_SECONDS = 0.5
# How far back the order of a group is looked at: more than one answer holds.
NEAREST = 12
# Clients and server read different clocks.
SLACK_SECONDS = 0.1


def by_message(history: History) -> dict[str, list[Received]]:
    """Receives of each message id, in order."""
    found = defaultdict(list)
    for one in sorted(history.received, key=lambda one: one.end):
        found[one.message_id].append(one)
    return found


def lost(history: History) -> list[str]:
    """Every acknowledged send is received with its body until a delete may have removed it (SQS-148).

    The run ends by receiving and deleting whatever is left, so a message that nobody tried to delete is not there.
    """
    bodies = {one.message_id: one.body for one in history.received}
    removed = {one.message.message_id for one in history.deletes if one.told is not Told.REFUSED}
    found = []
    for one in history.sends:
        if one.told is Told.ACKNOWLEDGED and one.message_id not in removed:
            seen = "once received" if one.message_id in bodies else "never received"
            found.append(f"lost, {seen}: {one.body}, acknowledged as {one.message_id}")
        elif bodies.get(one.message_id, one.body) != one.body:
            found.append(f"changed: {one.body} came back as {bodies[one.message_id]}")
    return found


def invented(history: History) -> list[str]:
    """Nothing is received that nobody sent, and no body under two ids."""
    sent = {one.body for one in history.sends}
    ids = defaultdict(set)
    for one in history.received:
        ids[one.body].add(one.message_id)
    strange = [f"never sent: {body}" for body in ids if body not in sent]
    return strange + [f"stored {len(found)} times: {body}" for body, found in ids.items() if len(found) > 1]


def took_effect(delete: Handled, crashes: list[float]) -> bool:
    """Whether an acknowledged delete was surely made with a handle that no crash could have forgotten."""
    received = delete.message.end
    return delete.told is Told.ACKNOWLEDGED and not any(received - SLACK_SECONDS < crash < received + FORGOTTEN_SECONDS for crash in crashes)


def reappeared(history: History, *, receives_are_durable: bool) -> list[str]:
    """After an acknowledged delete nobody receives the message."""
    deleted: dict[str, float] = {}
    for one in history.deletes:
        sure = one.told is Told.ACKNOWLEDGED if receives_are_durable else took_effect(one, history.crashes)
        if sure:
            deleted[one.message.message_id] = min(one.end, deleted.get(one.message.message_id, math.inf))
    late = [one for one in history.received if one.start > deleted.get(one.message_id, math.inf)]
    return [f"deleted and received again: {one.body} in incarnation {one.incarnation}" for one in late]


def counted_wrong(history: History, *, receives_are_durable: bool) -> list[str]:
    """Receive counts begin at 1 and grow; a crash may forget at most the last lazy receive (SQS-190, SQS-149)."""
    found = []
    for receives in by_message(history).values():
        for before, after in pairwise(receives):
            forgivable = not receives_are_durable and after.incarnation > before.incarnation
            least = before.count if forgivable else before.count + 1
            if after.count < least:
                found.append(f"count of {after.body} went from {before.count} to {after.count}")
        if receives[0].count < 1:
            found.append(f"count of {receives[0].body} began at {receives[0].count}")
    return found


def shown_early(history: History, *, receives_are_durable: bool) -> list[str]:
    """A received message is hidden until its timeout ends, unless somebody tried to show it again (SQS-220, SQS-149)."""
    shown = defaultdict(list)
    for one in history.changes:
        shown[one.message.message_id].append(one.start)
    found = []
    for message_id, receives in by_message(history).items():
        for before, after in pairwise(receives):
            if after.incarnation > before.incarnation and not receives_are_durable:
                continue
            changed = any(before.start <= moment <= after.end for moment in shown[message_id])
            if not changed and after.end < before.start + before.visibility_seconds - SLACK_SECONDS:
                found.append(f"{after.body} came again after {after.end - before.start:.3f} s")
    return found


def same_handle(history: History) -> list[str]:
    """No two receives have the same handle (SQS-009)."""
    handles = defaultdict(int)
    for one in history.received:
        handles[one.handle] += 1
    return [f"a handle was given {times} times" for times in handles.values() if times > 1]


def kept_twice(drained: list[Received]) -> list[str]:
    """Over the queues that were emptied at the end, each message was in one of them, once (SQS-317)."""
    times = defaultdict(list)
    for one in drained:
        times[one.message_id].append(f"{one.queue.rsplit('/', 1)[1]} {one.count}")
    return [f"{message_id} was found {len(found)} times: {found}" for message_id, found in times.items() if len(found) > 1]


def duplicated(history: History) -> list[str]:
    """All answers to sends of one deduplication id name the same message (SQS-269); here the body is that id."""
    answers = defaultdict(set)
    for one in history.sends:
        if one.told is Told.ACKNOWLEDGED:
            answers[one.body].add((one.message_id, one.sequence))
    for one in history.received:
        answers[one.body].add((one.message_id, one.sequence))
    return [f"{body} is {len(found)} messages: {sorted(found)}" for body, found in answers.items() if len(found) > 1]


def out_of_order(history: History) -> list[str]:
    """A message of a group comes only when every earlier one is in the same answer before it, or its delete was tried.

    Bodies are `<group>-<number>`, each group has one producer, and that sends the next only after an answer (SQS-252,
    SQS-281).
    """
    first_delete: dict[str, float] = {}
    for one in history.deletes:
        body = one.message.body
        first_delete[body] = min(one.start, first_delete.get(body, math.inf))
    groups: dict[str, list[int]] = defaultdict(list)
    for body in {one.body for one in history.sends if one.told is Told.ACKNOWLEDGED}:
        group, number = body.rsplit("-", 1)
        groups[group].append(int(number))
    earlier: dict[str, list[int]] = {}
    for group, numbers in groups.items():
        numbers.sort()
        for place, number in enumerate(numbers):
            # The nearest suffice: what lies before them is checked by their own receives.
            earlier[f"{group}-{number}"] = numbers[max(0, place - NEAREST) : place]
    places = {(one.answer, one.body): one.place for one in history.received}
    found = []
    for one in history.received:
        group = one.body.rsplit("-", 1)[0]
        for number in earlier.get(one.body, []):
            body = f"{group}-{number}"
            together = places.get((one.answer, body), math.inf) < one.place
            if not together and first_delete.get(body, math.inf) > one.end:
                found.append(f"{one.body} came before {body} was gone")
    return found


def sequences_out_of_order(history: History) -> list[str]:
    """Sequence numbers of a group grow in the order of its acknowledged sends (SQS-254)."""
    first: dict[str, int] = {}
    order: dict[str, list[str]] = defaultdict(list)
    for one in sorted(history.sends, key=lambda one: one.end):
        if one.told is Told.ACKNOWLEDGED and one.body not in first:
            first[one.body] = one.sequence
            order[one.body.rsplit("-", 1)[0]].append(one.body)
    return [
        f"{after} has a smaller sequence number than {before}"
        for bodies in order.values()
        for before, after in pairwise(bodies)
        if first[after] <= first[before]
    ]


def of_standard(history: History) -> list[str]:
    """Every promise of a standard queue."""
    lazy = {"receives_are_durable": False}
    return [
        *lost(history),
        *invented(history),
        *reappeared(history, **lazy),
        *counted_wrong(history, **lazy),
        *shown_early(history, **lazy),
        *same_handle(history),
    ]


def of_fifo(history: History) -> list[str]:
    """Every promise of a FIFO queue."""
    strict = {"receives_are_durable": True}
    return [
        *lost(history),
        *invented(history),
        *reappeared(history, **strict),
        *counted_wrong(history, **strict),
        *shown_early(history, **strict),
        *same_handle(history),
        *duplicated(history),
        *out_of_order(history),
        *sequences_out_of_order(history),
    ]
