"""AWS SDK clients that talk to a server of ours.

The suite runs twice: with today's SDK, which speaks JSON, and with the last one that spoke the query protocol.
"""

import os

import boto3
from botocore.config import Config

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"

_SESSION = boto3.Session()

# What the SDK on the path speaks to SQS: `json` or `query`.
PROTOCOL = _SESSION.client("sqs", region_name=REGION).meta.service_model.metadata["protocol"]
assert PROTOCOL == os.environ.get("WAYSTATION_PROTOCOL", PROTOCOL), f"the SDK on the path speaks {PROTOCOL}"


def sqs_client(url: str, **options):
    """A boto3 SQS client; see `aws_client`."""
    return aws_client("sqs", url, **options)


def aws_client(
    service: str, url: str, *, region: str = REGION, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY, validate: bool = True
):
    """A boto3 client that asks once: a retry would hide what the test looks for.

    Without `validate` boto3 sends parameters that it would refuse itself.
    """
    config = Config(
        retries={"total_max_attempts": 1},
        read_timeout=60,
        connect_timeout=10,
        parameter_validation=validate,
        max_pool_connections=32,
    )
    return _SESSION.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
