"""The AWS command line against a server of ours: a queue's life from beginning to end."""

import json
import subprocess

from harness import places
from harness.behaviours import behaviour
from harness.lab import Lab, fresh_name, redrive_policy
from harness.server import clean_environment
from harness.waiting import eventually


def aws(lab: Lab, *words: str, fails: bool = False):
    """One call of `aws sqs`; its JSON answer, None without output, or the complaint when it must fail."""
    environment = clean_environment(
        AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY="secret",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE="/dev/null",
        AWS_PAGER="",
    )
    command = [str(places.VENV_BIN / "aws"), "--endpoint-url", lab.server.url, "--output", "json", "sqs", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if fails:
        assert done.returncode != 0
        return done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


@behaviour("SQS-065", "SQS-091", "SQS-123", "SQS-182", "SQS-237")
def test_a_queue_lives_through_the_command_line(lab: Lab):
    name = fresh_name()
    url = aws(lab, "create-queue", "--queue-name", name, "--attributes", "VisibilityTimeout=45")["QueueUrl"]
    assert aws(lab, "get-queue-url", "--queue-name", name)["QueueUrl"] == url
    attributes = aws(lab, "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert attributes["VisibilityTimeout"] == "45"
    sent = aws(lab, "send-message", "--queue-url", url, "--message-body", "from the command line")
    [message] = aws(lab, "receive-message", "--queue-url", url, "--attribute-names", "All")["Messages"]
    assert (message["Body"], message["MessageId"]) == ("from the command line", sent["MessageId"])
    aws(lab, "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    assert aws(lab, "receive-message", "--queue-url", url) is None
    assert aws(lab, "list-queues", "--queue-name-prefix", name)["QueueUrls"] == [url]
    aws(lab, "delete-queue", "--queue-url", url)
    complaint = aws(lab, "receive-message", "--queue-url", url, fails=True)
    assert "AWS.SimpleQueueService.NonExistentQueue" in complaint
    assert "The specified queue does not exist" in complaint


@behaviour("SQS-021", "SQS-087", "SQS-395")
def test_tags_and_pages_through_the_command_line(lab: Lab):
    prefix = fresh_name()
    for number in range(3):
        aws(lab, "create-queue", "--queue-name", f"{prefix}-{number}", "--tags", f"number={number}")
    urls = aws(lab, "list-queues", "--queue-name-prefix", prefix, "--page-size", "1")["QueueUrls"]
    assert len(urls) == 3
    assert aws(lab, "list-queue-tags", "--queue-url", urls[0])["Tags"]["number"] in "012"


@behaviour("SQS-343", "SQS-359", "SQS-368")
def test_dead_letters_go_back_through_the_command_line(lab: Lab):
    dead = lab.queue()
    source = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    source.send("poison")
    source.receive_one(VisibilityTimeout=0)
    assert source.receive() == []
    eventually(lambda: dead.counts()[0] == 1, "the dead letter")
    assert aws(lab, "start-message-move-task", "--source-arn", dead.arn, "--max-number-of-messages-per-second", "100")["TaskHandle"]

    def latest() -> dict:
        return aws(lab, "list-message-move-tasks", "--source-arn", dead.arn)["Results"][0]

    task = eventually(lambda: latest() if latest()["Status"] == "COMPLETED" else None, "the end of the task")
    assert (task["ApproximateNumberOfMessagesMoved"], task["MaxNumberOfMessagesPerSecond"]) == (1, 100)
    assert source.counts()[0] == 1
    assert "Value for parameter TaskHandle is invalid." in aws(lab, "cancel-message-move-task", "--task-handle", "x", fails=True)
