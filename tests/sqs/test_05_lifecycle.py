"""Reference section 5: creating, finding, listing and deleting queues."""

import threading

import pytest

from harness.behaviours import behaviour
from harness.lab import MISSING_QUEUE, MISSING_QUEUE_TEXT, Lab, Queue, fresh_name, refused


@behaviour("SQS-059")
@pytest.mark.parametrize("name", ["a", "A-Z_0-9", "x" * 80, "-", "_", "0"])
def test_a_name_has_1_to_80_plain_characters(lab: Lab, name: str):
    queue = lab.queue(name)
    assert queue.name == name
    queue.delete_queue()


@behaviour("SQS-059", "SQS-007")
def test_the_fifo_suffix_counts_towards_the_length(lab: Lab):
    longest = fresh_name().ljust(75, "x")
    assert lab.fifo(longest + ".fifo").name == longest + ".fifo"
    with refused("InvalidParameterValue"):
        lab.fifo(longest + "x.fifo")


@behaviour("SQS-060", "SQS-064")
@pytest.mark.parametrize("name", ["x" * 81, "with blank", "dot.ted", "slash/ed", "ümlaut", "a\n", "a$"])
def test_an_invalid_standard_name_is_refused(lab: Lab, name: str):
    with refused("InvalidParameterValue"):
        lab.queue(name)


@behaviour("SQS-060")
def test_an_empty_name_is_refused(lab: Lab):
    answer = lab.wire.json("CreateQueue", {"QueueName": ""})
    assert answer.status == 400
    assert answer.error_type() in ("InvalidParameterValueException", "MissingRequiredParameterException")


@behaviour("SQS-061", "SQS-064")
@pytest.mark.parametrize("name", [".fifo", "a b.fifo", "a/b.fifo", "a.b.fifo", "a.FIFO", "a.fifo.fifo"])
def test_an_invalid_fifo_name_is_refused(lab: Lab, name: str):
    with refused("InvalidParameterValue"):
        lab.fifo(name)


@behaviour("SQS-062")
def test_a_fifo_queue_needs_the_suffix(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.fifo(fresh_name())


@behaviour("SQS-063", "SQS-007")
def test_the_suffix_needs_the_attribute(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.queue(fresh_name(".fifo"))


@behaviour("SQS-065", "SQS-075")
def test_create_returns_a_url_that_works_at_once(lab: Lab):
    queue = lab.queue()
    queue.send("at once")
    assert queue.bodies() == ["at once"]


@behaviour("SQS-066")
def test_create_again_without_attributes_returns_the_url(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11", DelaySeconds="1")
    assert lab.queue(queue.name).url == queue.url
    assert queue.attribute("VisibilityTimeout") == "11"


@behaviour("SQS-067")
def test_create_again_with_equal_attributes_returns_the_url(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11")
    assert lab.queue(queue.name, VisibilityTimeout="11").url == queue.url
    queue.set(VisibilityTimeout="12", DelaySeconds="5")
    assert lab.queue(queue.name, VisibilityTimeout="12", DelaySeconds="5").url == queue.url


@behaviour("SQS-068")
def test_create_again_with_another_value_is_refused(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11")
    text = "A queue already exists with the same name and a different value for attribute VisibilityTimeout"
    with refused("QueueAlreadyExists", text):
        lab.queue(queue.name, VisibilityTimeout="12")


@behaviour("SQS-069")
def test_only_one_differing_attribute_is_named(lab: Lab):
    queue = lab.queue()
    answer = lab.wire.json("CreateQueue", {"QueueName": queue.name, "Attributes": {"VisibilityTimeout": "1", "DelaySeconds": "2"}})
    assert answer.status == 400 and answer.error_type() == "QueueNameExists"
    prefix = "A queue already exists with the same name and a different value for attribute "
    assert answer.json["message"].removeprefix(prefix) in ("VisibilityTimeout", "DelaySeconds")


@behaviour("SQS-070")
def test_create_again_compares_with_the_current_value(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11")
    queue.set(VisibilityTimeout="12")
    with refused("QueueAlreadyExists"):
        lab.queue(queue.name, VisibilityTimeout="11")


@behaviour("SQS-071")
def test_counters_do_not_take_part_in_the_comparison(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11")
    queue.send()
    queue.receive_one()
    assert lab.queue(queue.name, VisibilityTimeout="11").url == queue.url


@behaviour("SQS-072")
def test_a_default_value_equals_one_that_was_never_set(lab: Lab):
    queue = lab.queue()
    defaults = {
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "SqsManagedSseEnabled": "true",
    }
    assert lab.queue(queue.name, **defaults).url == queue.url


@behaviour("SQS-072", "SQS-092")
def test_fifo_defaults_equal_values_that_were_never_set(lab: Lab):
    name = fresh_name(".fifo")
    queue = lab.queue(name, FifoQueue="true")
    defaults = {"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    assert lab.queue(name, FifoQueue="true", **defaults).url == queue.url


@behaviour("SQS-073")
def test_create_again_neither_compares_nor_changes_tags(lab: Lab):
    queue = lab.queue(tags={"team": "blue"})
    assert lab.queue(queue.name, tags={"team": "red"}).url == queue.url
    assert lab.sqs.list_queue_tags(QueueUrl=queue.url)["Tags"] == {"team": "blue"}


@behaviour("SQS-074")
def test_a_deleted_name_waits_60_seconds_where_limits_apply(lab_with_limits: Lab):
    queue = lab_with_limits.queue()
    queue.delete_queue()
    with refused("AWS.SimpleQueueService.QueueDeletedRecently"):
        lab_with_limits.queue(queue.name)
    lab_with_limits.advance(61)
    assert lab_with_limits.queue(queue.name).url == queue.url


@behaviour("SQS-076", "SQS-077")
def test_delete_removes_the_queue_and_its_messages(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11")
    queue.send("lost")
    queue.send("delayed", DelaySeconds=100)
    queue.delete_queue()
    with refused(MISSING_QUEUE):
        queue.receive()
    again = lab.queue(queue.name)
    assert again.counts() == (0, 0, 0)
    assert again.bodies() == []
    assert again.attribute("VisibilityTimeout") == "30"


@behaviour("SQS-078")
def test_a_second_delete_is_refused(lab: Lab):
    queue = lab.queue()
    queue.delete_queue()
    with refused(MISSING_QUEUE):
        queue.delete_queue()


@behaviour("SQS-079")
def test_a_parked_long_poll_ends_with_its_queue(lab: Lab):
    queue = lab.queue()
    outcome = []

    def poll():
        answer = Lab(lab.server).wire.json("ReceiveMessage", {"QueueUrl": queue.url, "WaitTimeSeconds": 20})
        outcome.append((answer.status, answer.json.get("Messages", [])))

    thread = threading.Thread(target=poll)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "the long poll did not wait"
    queue.delete_queue()
    again = lab.queue(queue.name)
    again.send("for the later queue")
    thread.join(10)
    assert not thread.is_alive(), "the long poll outlived its queue"
    [(status, messages)] = outcome
    assert status in (200, 400) and messages == []
    assert again.bodies() == ["for the later queue"]


@behaviour("SQS-079", "SQS-234")
def test_handles_of_a_deleted_queue_mean_nothing_to_its_successor(lab: Lab):
    queue = lab.queue()
    queue.send("old")
    old = queue.receive_one()
    queue.delete_queue()
    again = lab.queue(queue.name)
    again.send("new")
    answer = lab.wire.json("DeleteMessage", {"QueueUrl": again.url, "ReceiptHandle": old["ReceiptHandle"]})
    assert answer.status in (200, 400, 404)
    assert again.bodies() == ["new"]


@behaviour("SQS-080")
def test_get_queue_url_finds_a_name(lab: Lab):
    queue = lab.queue()
    assert lab.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"] == queue.url
    owned = lab.sqs.get_queue_url(QueueName=queue.name, QueueOwnerAWSAccountId=queue.account)
    assert owned["QueueUrl"] == queue.url


@behaviour("SQS-082")
def test_get_queue_url_of_an_unknown_name_is_refused(lab: Lab):
    with refused(MISSING_QUEUE, MISSING_QUEUE_TEXT):
        lab.sqs.get_queue_url(QueueName=fresh_name())


@behaviour("SQS-084")
def test_list_filters_by_prefix_and_case(lab: Lab):
    prefix = fresh_name()
    urls = sorted(lab.queue(f"{prefix}-{name}").url for name in ("one", "two", "Two"))
    assert sorted(lab.sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]) == urls
    assert lab.sqs.list_queues(QueueNamePrefix=f"{prefix}-t")["QueueUrls"] == [url for url in urls if url.endswith("two")]
    assert "QueueUrls" not in lab.sqs.list_queues(QueueNamePrefix=prefix[1:])


@behaviour("SQS-085")
@pytest.mark.parametrize("number", [0, 1001, -1])
def test_max_results_is_1_to_1000(lab: Lab, number: int):
    with refused("InvalidParameterValue"):
        lab.sqs.list_queues(MaxResults=number)
    with refused("InvalidParameterValue"):
        lab.sqs.list_dead_letter_source_queues(QueueUrl=lab.queue().url, MaxResults=number)


@behaviour("SQS-086")
def test_without_max_results_there_is_no_token(lab: Lab):
    prefix = fresh_name()
    for number in range(5):
        lab.queue(f"{prefix}-{number}")
    answer = lab.sqs.list_queues(QueueNamePrefix=prefix)
    assert len(answer["QueueUrls"]) == 5
    assert "NextToken" not in answer


@behaviour("SQS-086")
def test_a_list_holds_at_most_1000(lab: Lab):
    prefix = fresh_name()
    for number in range(1001):
        lab.wire.json("CreateQueue", {"QueueName": f"{prefix}-{number}"})
    answer = lab.sqs.list_queues(QueueNamePrefix=prefix)
    assert len(answer["QueueUrls"]) == 1000
    assert "NextToken" not in answer
    page = lab.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=1000)
    assert len(page["QueueUrls"]) == 1000
    rest = lab.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=1000, NextToken=page["NextToken"])
    assert len(set(page["QueueUrls"] + rest["QueueUrls"])) == 1001
    assert "NextToken" not in rest


@behaviour("SQS-087", "SQS-088")
def test_pages_hold_every_queue_once(lab: Lab):
    prefix = fresh_name()
    urls = sorted(lab.queue(f"{prefix}-{number}").url for number in range(7))
    found, token, sizes = [], {}, []
    while True:
        page = lab.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=3, **token)
        found += page.get("QueueUrls", [])
        sizes.append(len(page.get("QueueUrls", [])))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sorted(found) == urls
    assert sizes == [3, 3, 1]


@behaviour("SQS-087")
def test_a_last_page_that_is_full_has_no_token(lab: Lab):
    prefix = fresh_name()
    for number in range(4):
        lab.queue(f"{prefix}-{number}")
    first = lab.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
    last = lab.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, NextToken=first["NextToken"])
    assert len(last["QueueUrls"]) == 2
    assert "NextToken" not in last


@behaviour("SQS-089")
def test_an_invalid_token_is_refused(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.sqs.list_queues(MaxResults=3, NextToken="nonsense")


@behaviour("SQS-090", "SQS-084")
def test_lists_show_new_queues_and_forget_deleted_ones(lab: Lab):
    queue = lab.queue()
    assert lab.sqs.list_queues(QueueNamePrefix=queue.name)["QueueUrls"] == [queue.url]
    queue.delete_queue()
    assert "QueueUrls" not in lab.sqs.list_queues(QueueNamePrefix=queue.name)


@behaviour("SQS-066", "SQS-068")
def test_concurrent_creates_agree_on_one_queue(lab: Lab):
    name = fresh_name()
    urls, refusals = [], []

    def create(timeout: str):
        own = Lab(lab.server)
        answer = own.wire.json("CreateQueue", {"QueueName": name, "Attributes": {"VisibilityTimeout": timeout}})
        (urls if answer.status == 200 else refusals).append((timeout, answer))

    threads = [threading.Thread(target=create, args=(str(number % 2 + 1),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = Queue(lab, urls[0][1].json["QueueUrl"]).attribute("VisibilityTimeout")
    assert {timeout for timeout, _ in urls} == {winner}
    assert all(answer.error_type() == "QueueNameExists" for _, answer in refusals)
    assert len(urls) == 4 and len(refusals) == 4
