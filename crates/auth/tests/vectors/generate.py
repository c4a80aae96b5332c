"""Writes botocore.txt: requests signed by botocore, the reference client.

Run with botocore installed: `python generate.py > botocore.txt`. The times and
secrets are fixed, so the output only changes with the cases below. A vector is
a block of `field value` lines ended by an empty line; bodies are hexadecimal so
that a line stays a line.
"""

import datetime
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib.parse import urlsplit

AT = datetime.datetime(2026, 1, 5, 3, 4, 5)
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
JSON = {"Content-Type": "application/x-amz-json-1.0"}

HEADER_CASES = [
    # name, service, region, method, url, headers, body
    ("json post", "sqs", "us-east-1", "POST", "http://127.0.0.1:4566/",
     {**JSON, "X-Amz-Target": "AmazonSQS.SendMessage"}, b'{"QueueUrl":"q","MessageBody":"hello"}'),
    ("no body", "sqs", "eu-west-1", "GET", "http://localhost:4566", {}, b""),
    ("empty path segments and dots", "lambda", "us-east-1", "GET",
     "http://localhost/a//b/./c/../d/", {}, b""),
    ("dots above the root", "lambda", "us-east-1", "GET", "http://localhost/../../x/..", {}, b""),
    ("encoded path", "lambda", "us-east-1", "GET",
     "http://localhost/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/a%20b/~t_-.", {}, b""),
    ("utf-8 path", "lambda", "us-east-1", "GET", "http://localhost/%E1%88%B4/x", {}, b""),
    ("query sorted by name then value", "sqs", "us-east-1", "GET",
     "http://localhost/?b=2&a=z&a=1&Z=9&aa=%20%2F%2B&empty=&bare", {}, b""),
    ("query that prefixes another", "sqs", "us-east-1", "GET",
     "http://localhost/?a-b=1&a=2&a.b=3", {}, b""),
    ("header white space", "sqs", "us-east-1", "POST", "http://localhost:1/",
     {"X-Amz-Meta": "  a   b  c ", "My-Header": "x"}, b"body"),
    ("repeated header", "sqs", "us-east-1", "POST", "http://localhost/",
     [("X-Amz-Many", "two"), ("X-Amz-Many", "one  1"), ("Accept", "a/b")], b""),
    ("content hash given", "sqs", "us-east-1", "POST", "http://localhost/",
     {"X-Amz-Content-SHA256": "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5"}, b"body"),
    ("date header instead of x-amz-date", "sqs", "us-east-1", "POST", "http://localhost/",
     {"Date": "any"}, b""),
    ("form post to a queue", "sqs", "ap-southeast-2", "POST", "http://localhost/000000000000/q",
     {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
     b"Action=SendMessage&MessageBody=a+b&Version=2012-11-05"),
    ("binary body", "kinesis", "us-east-1", "POST", "http://localhost/", JSON, bytes(range(256)) * 5),
]
QUERY_CASES = [
    # name, service, region, method, url, headers, body, expires
    ("presigned", "sts", "us-east-1", "GET",
     "http://localhost:4566/?Action=GetCallerIdentity&Version=2011-06-15", {}, b"", 60),
    ("presigned with a signed header", "sts", "us-east-1", "GET",
     "http://localhost/?Action=GetCallerIdentity&Version=2011-06-15",
     {"x-k8s-aws-id": "cluster"}, b"", 900),
    ("presigned queue path", "sqs", "eu-central-1", "GET",
     "http://localhost/000000000000/a.fifo?Action=SendMessage&MessageBody=a%20b%2Bc%26d", {}, b"", 604800),
]


def emit(field, value):
    print(f"{field} {value}".rstrip())


def write(name, signer, service, region, method, url, headers, body):
    request = AWSRequest(method=method, url=url, data=body)
    for key, value in headers.items() if isinstance(headers, dict) else headers:
        request.headers.add_header(key, value)
    with mock.patch("botocore.auth.get_current_datetime", return_value=AT):
        signer.add_auth(request)
    parts = urlsplit(request.url)
    emit("name", name)
    emit("service", service)
    emit("region", region)
    emit("method", method)
    emit("path", parts.path or "/")
    emit("query", parts.query)
    emit("header", f"Host: {parts.netloc}")
    for key, value in request.headers.items():
        emit("header", f"{key}: {value}")
    emit("body", body.hex())
    print()


for name, service, region, method, url, headers, body in HEADER_CASES:
    signer = botocore.auth.SigV4Auth(Credentials(ACCESS, SECRET), service, region)
    write(name, signer, service, region, method, url, headers, body)
for name, service, region, method, url, headers, body, expires in QUERY_CASES:
    signer = botocore.auth.SigV4QueryAuth(Credentials(ACCESS, SECRET), service, region, expires)
    write(name, signer, service, region, method, url, headers, body)
