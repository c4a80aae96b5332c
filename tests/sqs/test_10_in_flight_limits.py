"""Reference section 10: 120,000 messages in flight are the most that a queue has."""

import threading

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, refused
from harness.wire import Wire

LIMIT = 120_000
THREADS = 4


def each_thread(work):
    """Runs `work(thread number)` in a few threads; their failures are ours."""
    failures = []

    def run(number: int):
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def fill(queue: Queue, number: int, fifo: bool):
    """Sends so many messages, ten in a request, each ten in a group of their own."""

    def work(thread: int):
        wire = Wire(queue.lab.server.host)
        for start in range(thread * 10, number, THREADS * 10):
            more = {"MessageGroupId": f"g{start}"} if fifo else {}
            entries = [{"Id": str(one), "MessageBody": f"{start + one}"} | more for one in range(10)]
            answer = wire.json("SendMessageBatch", {"QueueUrl": queue.url, "Entries": entries})
            assert answer.status == 200 and "Failed" not in answer.json, answer.text

    each_thread(work)


def receive_until_refused(queue: Queue) -> int:
    """Takes messages in flight until a receive is empty or refused; how many came."""
    counts = [0] * THREADS

    def work(thread: int):
        wire = Wire(queue.lab.server.host)
        asked = {"QueueUrl": queue.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 43_200}
        while (answer := wire.json("ReceiveMessage", asked)).status == 200 and answer.json.get("Messages"):
            counts[thread] += len(answer.json["Messages"])

    each_thread(work)
    return sum(counts)


@behaviour("SQS-208")
def test_a_standard_queue_refuses_short_polls_beyond_the_limit(lab: Lab):
    queue = lab.queue()
    fill(queue, LIMIT + 50, fifo=False)
    taken = receive_until_refused(queue)
    assert LIMIT - 100 <= taken <= LIMIT
    assert queue.counts() == (LIMIT + 50 - taken, taken, 0)
    with refused("OverLimit", status=403):
        queue.receive()
    # A long poll waits instead.
    assert queue.receive(wait=1) == []
    lab.sqs.purge_queue(QueueUrl=queue.url)
    queue.send("after the purge")
    assert queue.bodies() == ["after the purge"]


@behaviour("SQS-209")
def test_a_fifo_queue_answers_empty_beyond_the_limit(lab: Lab):
    queue = lab.fifo()
    fill(queue, LIMIT + 50, fifo=True)
    taken = receive_until_refused(queue)
    assert LIMIT - 100 <= taken <= LIMIT
    assert queue.receive() == []
    assert queue.counts() == (LIMIT + 50 - taken, taken, 0)
    lab.sqs.purge_queue(QueueUrl=queue.url)
