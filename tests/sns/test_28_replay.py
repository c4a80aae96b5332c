"""Reference section 28: replays of archived messages."""

import json
import threading

import pytest

from harness.archives import (
    Subscription,
    archiving,
    beginning,
    in_order,
    publish,
    publish_many,
    received,
    replay,
    take,
    texts,
)
from harness.behaviours import behaviour
from harness.lab import Lab, fresh_name, refused
from harness.server import Server
from harness.topics import INVALID, Topics, text
from harness.waiting import eventually

DEDUPLICATION_SECONDS = 300
LATER = "2999-01-01T00:00:00Z"


@behaviour("SNS-381", "SNS-382", "SNS-074")
@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("x", "failed to parse JSON. "),
        ("[]", "must be a JSON object"),
        ('{"PointType":"Timestamp"}', "StartingPoint must be specified"),
        ('{"PointType":"Position","StartingPoint":"2020-01-01T00:00:00Z"}', "PointType must be Timestamp"),
        ('{"StartingPoint":"2020-01-01T00:00:00Z"}', "PointType must be Timestamp"),
        (replay("yesterday"), "StartingPoint must be an ISO 8601 timestamp in UTC"),
        (replay("2020-01-01T00:00:00Z"), "StartingPoint must not be before the BeginningArchiveTime "),
        (replay(LATER), "StartingPoint must not be in the future"),
        (replay("2020-01-01T00:00:01Z", "2020-01-01T00:00:00Z"), "EndingPoint must be after StartingPoint"),
        ('{"PointType":"Timestamp","StartingPoint":"2020-01-01T00:00:00Z","To":1}', "invalid JSON. Attribute To is unknown."),
    ],
)
def test_a_policy_that_names_no_window_is_refused(topics: Topics, policy: str, reason: str):
    topic = archiving(topics)
    with pytest.raises(topics.sns.exceptions.InvalidParameterException) as caught:
        topic.subscribe(topics.queue(), ReplayPolicy=policy)
    assert caught.value.response["Error"]["Message"].startswith(f"Invalid parameter: Attributes Reason: ReplayPolicy: {reason}")
    subscription = Subscription(topic, topics.queue())
    with pytest.raises(topics.sns.exceptions.InvalidParameterException) as caught:
        subscription.set("ReplayPolicy", policy)
    assert caught.value.response["Error"]["Message"].startswith(f"Invalid parameter: ReplayPolicy: {reason}")
    assert not {"ReplayPolicy", "ReplayStatus"} & set(subscription.attributes())


@behaviour("SNS-381")
def test_only_an_archive_can_be_replayed(topics: Topics):
    for topic in (topics.topic(), topics.topic(fresh_name(".fifo"), FifoTopic="true")):
        with refused(INVALID, "Invalid parameter: Attributes Reason: ReplayPolicy: the topic has no ArchivePolicy"):
            topic.subscribe(topics.queue(), ReplayPolicy=replay("2020-01-01T00:00:00Z"))


@behaviour("SNS-382", "SNS-383", "SNS-384", "SNS-387", "SNS-388", "SNS-390")
def test_a_new_subscription_gets_what_was_published_before_and_goes_on(topics: Topics):
    topic = archiving(topics)
    direct = Subscription(topic, topics.lab.fifo(content_based=False))
    publish(topic, "first", Subject="s", MessageAttributes={"a": text("1")})
    publish(topic, "second", group="h")
    policy = replay(beginning(topic))
    subscription = Subscription(topic, topics.lab.fifo(content_based=False), ReplayPolicy=policy)
    assert subscription.attributes()["ReplayPolicy"] == policy
    assert subscription.status() in ("Pending", "In progress", "Completed")
    subscription.until("Completed")
    publish(topic, "third")
    original, again = in_order(received(direct.queue, 3)), in_order(received(subscription.queue, 3))
    assert [envelope.pop("Replayed", False) for envelope in again] == [True, True, False]
    for one, other in zip(original, again):
        # Everything but the link that is the subscription's own.
        assert one.pop("UnsubscribeURL") != other.pop("UnsubscribeURL")
        assert one == other


@behaviour("SNS-382", "SNS-383")
def test_queues_get_the_ids_of_the_original(topics: Topics):
    topic = archiving(topics)
    publish(topic, "said", group="of-its-own", MessageAttributes={"a": text("1"), "b": text("2", "Number")})
    policy = replay(beginning(topic))
    fifo = Subscription(topic, topics.lab.fifo(content_based=False), ReplayPolicy=policy, RawMessageDelivery="true")
    standard = Subscription(topic, topics.queue(), ReplayPolicy=policy, RawMessageDelivery="true")
    for subscription in (fifo, standard):
        subscription.until("Completed")
    [ordered] = eventually(lambda: fifo.queue.receive(MessageAttributeNames=["All"]), "a message")
    assert (ordered["Attributes"]["MessageGroupId"], ordered["Attributes"]["MessageDeduplicationId"]) == ("of-its-own", "said")
    [plain] = eventually(lambda: standard.queue.receive(MessageAttributeNames=["All"]), "a message")
    assert not {"MessageGroupId", "MessageDeduplicationId"} & set(plain["Attributes"])
    for message in (ordered, plain):
        assert message["Body"] == "said"
        assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {"a": "1", "b": "2"}


@behaviour("SNS-383", "SNS-382")
def test_a_replay_begins_at_its_starting_point_and_keeps_the_order(clocked_topics: Topics):
    topic = archiving(clocked_topics)
    subscription = Subscription(topic, clocked_topics.lab.fifo(content_based=False))
    for number in range(12):
        publish(topic, str(number), group="gh"[number % 2])
        clocked_topics.lab.advance(1)
    first = received(subscription.queue, 12)
    clocked_topics.lab.advance(DEDUPLICATION_SECONDS + 1)
    subscription.replay(next(envelope["Timestamp"] for envelope in first if envelope["Message"] == "4"))
    subscription.until("Completed")
    again = texts(received(subscription.queue, 8))
    for group in (0, 1):
        assert [said for said in again if int(said) % 2 == group] == [str(number) for number in range(4 + group, 12, 2)]


@behaviour("SNS-385", "SNS-390")
def test_a_replay_with_an_end_pauses_the_subscription(clocked_topics: Topics):
    topic, lab = archiving(clocked_topics), clocked_topics.lab
    direct = Subscription(topic, clocked_topics.queue())
    start = beginning(topic)
    for number in range(4):
        publish(topic, str(number))
        lab.advance(1)
    times = {envelope["Message"]: envelope["Timestamp"] for envelope in received(direct.queue, 4)}
    subscription = Subscription(topic, clocked_topics.queue(), ReplayPolicy=replay(start, times["2"]))
    lab.advance(2)
    subscription.until("Completed")
    publish(topic, "new")
    assert sorted(texts(received(subscription.queue, 3))) == ["0", "1", "2"]
    assert clocked_topics.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["SubscriptionsConfirmed"] == "2"
    subscription.replay(times["3"])
    subscription.until("Completed")
    publish(topic, "newer")
    assert sorted(texts(received(subscription.queue, 3))) == ["3", "new", "newer"]


@behaviour("SNS-390", "SNS-385")
def test_a_replay_goes_on_until_its_end_has_come(clocked_topics: Topics):
    topic = archiving(clocked_topics)
    publish(topic, "before")
    subscription = Subscription(topic, clocked_topics.queue(), ReplayPolicy=replay(beginning(topic), LATER))
    subscription.until("In progress")
    assert texts(received(subscription.queue, 1)) == ["before"]
    publish(topic, "meanwhile")
    again = received(subscription.queue, 1)
    assert (texts(again), again[0]["Replayed"]) == (["meanwhile"], True)
    assert subscription.status() == "In progress"
    subscription.set("ReplayPolicy", "{}")
    assert not {"ReplayPolicy", "ReplayStatus"} & set(subscription.attributes())
    publish(topic, "afterwards")
    assert "Replayed" not in received(subscription.queue, 1)[0]


@behaviour("SNS-386")
def test_a_new_policy_takes_the_place_of_a_running_one(clocked_topics: Topics):
    topic, lab = archiving(clocked_topics), clocked_topics.lab
    publish(topic, "first")
    start = beginning(topic)
    lab.advance(1)
    subscription = Subscription(topic, clocked_topics.queue(), ReplayPolicy=replay(start, LATER))
    subscription.until("In progress")
    received(subscription.queue, 1)
    publish(topic, "second")
    received(subscription.queue, 1)
    subscription.replay(start)
    subscription.until("Completed")
    publish(topic, "third")
    assert sorted(texts(received(subscription.queue, 3))) == ["first", "second", "third"]
    # The same policy again begins anew.
    subscription.replay(start)
    subscription.until("Completed")
    assert len(received(subscription.queue, 3)) == 3


@behaviour("SNS-389")
def test_filters_hold_back_replayed_messages_too(topics: Topics):
    topic = archiving(topics)
    for number in range(6):
        publish(topic, json.dumps({"n": number}), MessageAttributes={"n": text(str(number), "Number")})
    policy = {"ReplayPolicy": replay(beginning(topic))}
    even = Subscription(topic, topics.queue(), FilterPolicy='{"n":[0,2,4]}', **policy)
    body = {"FilterPolicy": '{"n":[{"numeric":[">",3]}]}', "FilterPolicyScope": "MessageBody"}
    late = Subscription(topic, topics.queue(), **body, **policy)
    for subscription, expected in ((even, [0, 2, 4]), (late, [4, 5])):
        subscription.until("Completed")
        found = received(subscription.queue, len(expected))
        assert sorted(json.loads(said)["n"] for said in texts(found)) == expected


@behaviour("SNS-384", "SNS-383")
@pytest.mark.parametrize("kind", ["fifo", "standard"])
def test_nothing_is_missed_or_brought_twice_while_others_publish(topics: Topics, kind: str):
    topic = archiving(topics)
    start = beginning(topic)
    publish_many(topic, [f"a {number}" for number in range(1000)], group="a")
    ending = threading.Event()
    counts = {}

    def go_on(group: str):
        counts[group] = 0
        while not ending.is_set():
            publish(topic, f"{group} {counts[group]}", group=group)
            counts[group] += 1

    threads = [threading.Thread(target=go_on, args=(group,)) for group in "bcd"]
    for thread in threads:
        thread.start()
    queue = topics.lab.fifo(content_based=False) if kind == "fifo" else topics.queue()
    subscription = Subscription(topic, queue, ReplayPolicy=replay(start))
    subscription.until("Completed")
    so_far = dict(counts)
    eventually(lambda: all(counts[group] > so_far[group] + 10 for group in "bcd"), "more publishes")
    ending.set()
    for thread in threads:
        thread.join()
    found = received(queue, 1000 + sum(counts.values()))
    said = texts(found)
    for group, count in (counts | {"a": 1000}).items():
        own = [int(text.split()[1]) for text in said if text.startswith(group)]
        assert (own if kind == "fifo" else sorted(own)) == list(range(count))
    assert {envelope.get("Replayed", False) for envelope in found} == {True, False}


@behaviour("SNS-390", "SNS-377")
def test_a_replay_fails_when_its_archive_goes(clocked_topics: Topics):
    topic = archiving(clocked_topics)
    publish(topic, "kept")
    subscription = Subscription(topic, clocked_topics.queue(), ReplayPolicy=replay(beginning(topic), LATER))
    assert texts(received(subscription.queue, 1)) == ["kept"]
    topic.set("ArchivePolicy", "{}")
    subscription.until("Failed")
    subscription.set("ReplayPolicy", "")
    publish(topic, "later")
    assert texts(received(subscription.queue, 1)) == ["later"]


@behaviour("SNS-391")
def test_so_many_replays_run_at_a_time(clocked_topics: Topics):
    topic = archiving(clocked_topics)
    policy = replay(beginning(topic), LATER)
    running = [Subscription(topic, clocked_topics.queue(), ReplayPolicy=policy) for _ in range(100)]
    other = archiving(clocked_topics)
    subscription = Subscription(other, clocked_topics.queue())
    with refused("ReplayLimitExceeded", status=403):
        subscription.replay(beginning(other))
    with refused("ReplayLimitExceeded", status=403):
        other.subscribe(clocked_topics.queue(), ReplayPolicy=replay(beginning(other)))
    # One that takes the place of another is no further one.
    running[0].replay(beginning(topic), LATER)
    running[1].set("ReplayPolicy", "")
    eventually(lambda: starts(subscription, beginning(other)), "room for one more")
    for one in running:
        clocked_topics.sns.unsubscribe(SubscriptionArn=one.arn)


def starts(subscription: Subscription, start: str) -> bool:
    try:
        subscription.replay(start)
    except subscription.sns.exceptions.ReplayLimitExceededException:
        return False
    return True


@behaviour("SNS-393")
def test_a_fifo_queue_suppresses_what_it_saw_a_moment_ago(clocked_topics: Topics):
    topic = archiving(clocked_topics)
    subscription = Subscription(topic, clocked_topics.lab.fifo(content_based=False))
    publish(topic, "said")
    received(subscription.queue, 1)
    start = beginning(topic)
    subscription.replay(start)
    subscription.until("Completed")
    assert take(subscription.queue) == []
    clocked_topics.lab.advance(DEDUPLICATION_SECONDS + 1)
    subscription.replay(start)
    subscription.until("Completed")
    assert texts(received(subscription.queue, 1)) == ["said"]


@behaviour("SNS-382", "SNS-384")
def test_who_unsubscribes_gets_nothing_more(topics: Topics):
    topic = archiving(topics)
    publish_many(topic, [str(number) for number in range(50)])
    queue = topics.queue()
    subscription = Subscription(topic, queue, ReplayPolicy=replay(beginning(topic), LATER))
    topics.sns.unsubscribe(SubscriptionArn=subscription.arn)
    take(queue)
    publish(topic, "later")
    assert take(queue) == []
    again = Subscription(topic, queue)
    publish(topic, "latest")
    assert texts(received(again.queue, 1)) == ["latest"]


@behaviour("SNS-383", "SNS-390")
def test_a_replay_without_an_end_is_over_after_a_restart():
    with Server() as running:
        topics = Topics(Lab(running))
        topic = archiving(topics)
        publish(topic, "first")
        subscription = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic)))
        subscription.until("Completed")
        paused = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic), LATER))
        received(paused.queue, 1)
        running.kill9()
        running.start()
        publish(topic, "second")
        assert texts(received(subscription.queue, 2)) == ["first", "second"]
        assert (subscription.status(), paused.status()) == ("Completed", "In progress")
        assert texts(received(paused.queue, 1)) == ["second"]
