"""Reference section 1: what a queue, a message and a receipt handle are."""

import re

from harness.behaviours import behaviour
from harness.clients import sqs_client
from harness.lab import MISSING_QUEUE, Lab, Queue, fresh_name, redrive_policy, refused

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@behaviour("SQS-001", "SQS-083")
def test_the_same_name_in_two_regions_is_two_queues(lab: Lab):
    here = lab.queue()
    elsewhere = sqs_client(lab.server.url, region="eu-west-1")
    other_url = elsewhere.create_queue(QueueName=here.name, Attributes={"VisibilityTimeout": "99"})["QueueUrl"]
    assert here.attribute("VisibilityTimeout") == "30"
    found = elsewhere.get_queue_attributes(QueueUrl=other_url, AttributeNames=["QueueArn", "VisibilityTimeout"])["Attributes"]
    assert found == {"QueueArn": f"arn:aws:sqs:eu-west-1:{here.account}:{here.name}", "VisibilityTimeout": "99"}
    elsewhere.delete_queue(QueueUrl=other_url)
    assert elsewhere.list_queues(QueueNamePrefix=here.name).get("QueueUrls", []) == []
    assert lab.sqs.list_queues(QueueNamePrefix=here.name)["QueueUrls"] == [here.url]


@behaviour("SQS-002")
def test_the_arn_holds_partition_region_account_and_name(lab: Lab):
    queue = lab.queue()
    assert re.fullmatch(r"\d{12}", queue.account)
    assert queue.attribute("QueueArn") == f"arn:aws:sqs:us-east-1:{queue.account}:{queue.name}"


@behaviour("SQS-065")
def test_the_url_echoes_how_the_caller_reached_us(lab: Lab):
    name = fresh_name()
    by_address = lab.sqs.create_queue(QueueName=name)["QueueUrl"]
    by_name = sqs_client(f"http://localhost:{lab.server.port}").get_queue_url(QueueName=name)["QueueUrl"]
    account = by_address.split("/")[-2]
    assert by_address == f"http://127.0.0.1:{lab.server.port}/{account}/{name}"
    assert by_name == f"http://localhost:{lab.server.port}/{account}/{name}"


@behaviour("SQS-004")
def test_names_are_case_sensitive(lab: Lab):
    lower = lab.queue(fresh_name("-case"))
    upper = lab.queue(lower.name.upper())
    lower.send("lower")
    assert upper.bodies() == []
    assert lower.bodies() == ["lower"]


@behaviour("SQS-004", "SQS-053")
def test_urls_are_case_sensitive(lab: Lab):
    queue = lab.queue(fresh_name("-case"))
    with refused(MISSING_QUEUE):
        Queue(lab, queue.url.replace("-case", "-CASE")).send()


@behaviour("SQS-006")
def test_the_type_of_a_queue_cannot_be_changed(lab: Lab):
    standard, fifo = lab.queue(), lab.fifo()
    with refused("InvalidAttributeName"):
        standard.set(FifoQueue="true")
    with refused("InvalidAttributeValue"):
        fifo.set(FifoQueue="false")
    assert "FifoQueue" not in standard.attributes()
    assert fifo.attribute("FifoQueue") == "true"


@behaviour("SQS-008")
def test_a_message_id_is_a_uuid_and_stays_across_receives(lab: Lab):
    queue = lab.queue()
    sent = queue.send()["MessageId"]
    assert UUID.fullmatch(sent)
    assert [queue.receive_one(VisibilityTimeout=0)["MessageId"] for _ in range(3)] == [sent] * 3


@behaviour("SQS-008", "SQS-318")
def test_a_message_id_stays_across_a_move_to_the_dead_letter_queue(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    sent = queue.send()["MessageId"]
    assert queue.receive_one(VisibilityTimeout=0)["MessageId"] == sent
    assert queue.receive() == []
    assert dead.receive_one(wait=5)["MessageId"] == sent


@behaviour("SQS-008")
def test_message_ids_are_unique_over_queues(lab: Lab):
    queues = [lab.queue(), lab.queue()]
    ids = [entry["MessageId"] for queue in queues for entry in queue.send_batch(*[{"MessageBody": "same"}] * 10)["Successful"]]
    assert len(set(ids)) == 20


@behaviour("SQS-009")
def test_a_receipt_handle_differs_on_every_receive(lab: Lab):
    queue = lab.queue()
    queue.send()
    handles = [queue.receive_one(VisibilityTimeout=0)["ReceiptHandle"] for _ in range(5)]
    assert len(set(handles)) == 5
    assert all(0 < len(handle) <= 1024 for handle in handles)


@behaviour("SQS-003", "SQS-010")
def test_the_queue_url_parameter_decides_not_its_host(lab: Lab):
    queue = lab.queue()
    queue.send("here")
    for host in ("http://localhost:1", "https://sqs.us-east-1.amazonaws.com", "https://queue.amazonaws.com"):
        url = f"{host}/{queue.account}/{queue.name}"
        assert Queue(lab, url).bodies(VisibilityTimeout=0) == ["here"], host


@behaviour("SQS-005")
def test_a_standard_queue_delivers_every_message_at_least_once(lab: Lab):
    queue = lab.queue()
    sent = {f"body {number}" for number in range(50)}
    for body in sent:
        queue.send(body)
    assert set(queue.drain()) == sent


@behaviour("SQS-005", "SQS-252")
def test_a_fifo_queue_delivers_in_order_and_once(lab: Lab):
    queue = lab.fifo()
    sent = [f"body {number}" for number in range(50)]
    for body in sent:
        queue.send(body, group="g")
        queue.send(body, group="g")
    assert queue.drain() == sent
