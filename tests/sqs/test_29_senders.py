"""Reference section 29: other services as senders."""

import boto3

from harness.behaviours import behaviour
from harness.clients import ACCESS_KEY, REGION, SECRET_KEY
from harness.lab import Lab, fresh_name


@behaviour("SQS-447", "SQS-448")
def test_a_delivered_message_is_the_services_own(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    sns = boto3.client(
        "sns", endpoint_url=lab.server.url, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )
    topic = sns.create_topic(Name=fresh_name())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="m" * 5_000)
    delivered = queue.receive_one(wait=5)
    assert delivered["Body"] == "m" * 5_000, "the topic's limit holds, not that of the queue"
    queue.send("own")
    own = queue.receive_one()
    assert delivered["Attributes"]["SenderId"] != own["Attributes"]["SenderId"]
