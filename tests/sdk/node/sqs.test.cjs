// The AWS SDK for JavaScript against a server of ours: it checks digests, retries and errors in its own way.
"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const sqs = require("@aws-sdk/client-sqs");
const { start } = require("./server.cjs");

let server;
let client;

before(async () => {
  server = await start();
  client = new sqs.SQSClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    maxAttempts: 1,
  });
});

after(async () => {
  client.destroy();
  await server.stop();
});

async function newQueue(name, Attributes = {}) {
  return (await client.send(new sqs.CreateQueueCommand({ QueueName: name, Attributes }))).QueueUrl;
}

function receive(QueueUrl, more = {}) {
  return client.send(new sqs.ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...more }));
}

test("SQS-123 SQS-150 SQS-182: a message goes through with its digests", async () => {
  const QueueUrl = await newQueue("node-plain");
  const MessageAttributes = {
    word: { DataType: "String", StringValue: "häuser" },
    blob: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
  };
  const MessageBody = "from node: \u2603 \u{1d11e}";
  const sent = await client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes }));
  const { Messages } = await receive(QueueUrl, { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] });
  assert.equal(Messages.length, 1);
  assert.equal(Messages[0].Body, MessageBody);
  assert.equal(Messages[0].MessageId, sent.MessageId);
  assert.equal(Messages[0].MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual(Messages[0].MessageAttributes.blob.BinaryValue, new Uint8Array([0, 1, 255]));
  assert.equal(Messages[0].Attributes.ApproximateReceiveCount, "1");
});

test("SQS-028 SQS-053: a missing queue has a class of its own", async () => {
  const QueueUrl = `${await newQueue("node-there")}-missing`;
  await assert.rejects(client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody: "m" })), (error) => {
    assert.ok(error instanceof sqs.QueueDoesNotExist, `${error.name}: ${error.message}`);
    assert.equal(error.$metadata.httpStatusCode, 400);
    return true;
  });
});

test("SQS-172 SQS-177: a batch reports each entry", async () => {
  const QueueUrl = await newQueue("node-batch");
  const Entries = ["a", "b", "c"].map((Id) => ({ Id, MessageBody: `body ${Id}` }));
  const sent = await client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }));
  assert.deepEqual(sent.Successful.map((entry) => entry.Id), ["a", "b", "c"]);
  const { Messages } = await receive(QueueUrl);
  const deletes = Messages.map((message, number) => ({ Id: String(number), ReceiptHandle: message.ReceiptHandle }));
  deletes.push({ Id: "bad", ReceiptHandle: "nonsense" });
  const deleted = await client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl, Entries: deletes }));
  assert.equal(deleted.Successful.length, Messages.length);
  assert.deepEqual(deleted.Failed.map((entry) => [entry.Id, entry.Code]), [["bad", "ReceiptHandleIsInvalid"]]);
});

test("SQS-252 SQS-268: a FIFO queue keeps order and drops duplicates", async () => {
  const QueueUrl = await newQueue("node.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
  for (const MessageBody of ["one", "two", "two", "three"]) {
    await client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: "g" }));
  }
  const { Messages } = await receive(QueueUrl);
  assert.deepEqual(Messages.map((message) => message.Body), ["one", "two", "three"]);
});

test("SQS-015 SQS-215: an empty long poll ends without messages", async () => {
  const QueueUrl = await newQueue("node-empty");
  assert.equal((await receive(QueueUrl, { WaitTimeSeconds: 1 })).Messages, undefined);
});

test("SQS-216: a long poll is woken by a send", async () => {
  const QueueUrl = await newQueue("node-poll");
  const poll = receive(QueueUrl, { WaitTimeSeconds: 20 });
  await client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody: "wake up" }));
  assert.deepEqual((await poll).Messages.map((message) => message.Body), ["wake up"]);
});
