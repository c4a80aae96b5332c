// The AWS SDK for JavaScript speaks HTTP/2 to Kinesis, without TLS by prior knowledge, and reads event streams as they come.
"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const kinesis = require("@aws-sdk/client-kinesis");
const { start } = require("./server.cjs");

const SHARD = "shardId-000000000000";

let server;
let client;

before(async () => {
  server = await start();
  client = new kinesis.KinesisClient({
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

async function stream(name) {
  await client.send(new kinesis.CreateStreamCommand({ StreamName: name, ShardCount: 1 }));
  await kinesis.waitUntilStreamExists({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StreamName: name });
  const found = await client.send(new kinesis.DescribeStreamSummaryCommand({ StreamName: name }));
  return found.StreamDescriptionSummary.StreamARN;
}

async function consumer(arn) {
  const made = await client.send(new kinesis.RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: "node" }));
  const ConsumerARN = made.Consumer.ConsumerARN;
  for (;;) {
    const { ConsumerDescription } = await client.send(new kinesis.DescribeStreamConsumerCommand({ ConsumerARN }));
    if (ConsumerDescription.ConsumerStatus === "ACTIVE") return ConsumerARN;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("the client speaks HTTP/2", () => {
  assert.equal(client.config.requestHandler.metadata.handlerProtocol, "h2");
});

test("records are put and read", async () => {
  const StreamARN = await stream("node-read");
  const Records = [0, 1, 2].map((number) => ({ PartitionKey: "k", Data: Buffer.from([number, 0, 255]) }));
  const put = await client.send(new kinesis.PutRecordsCommand({ StreamARN, Records }));
  assert.equal(put.FailedRecordCount, 0);
  const where = { StreamARN, ShardId: SHARD, ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await client.send(new kinesis.GetShardIteratorCommand(where));
  const found = await client.send(new kinesis.GetRecordsCommand({ ShardIterator }));
  assert.deepEqual(found.Records.map((record) => [...record.Data]), [[0, 0, 255], [1, 0, 255], [2, 0, 255]]);
  assert.ok(found.Records[0].ApproximateArrivalTimestamp instanceof Date);
});

test("a consumer is pushed what is put, while other requests go on", async () => {
  const StreamARN = await stream("node-push");
  const ConsumerARN = await consumer(StreamARN);
  const StartingPosition = { Type: "TRIM_HORIZON" };
  const answer = await client.send(new kinesis.SubscribeToShardCommand({ ConsumerARN, ShardId: SHARD, StartingPosition }));
  await client.send(new kinesis.PutRecordCommand({ StreamARN, PartitionKey: "k", Data: Buffer.from("pushed") }));
  for await (const event of answer.EventStream) {
    const records = event.SubscribeToShardEvent.Records;
    if (records.length > 0) {
      assert.equal(Buffer.from(records[0].Data).toString(), "pushed");
      break;
    }
  }
});

test("an error has its name and its text", async () => {
  const missing = client.send(new kinesis.DescribeStreamCommand({ StreamName: "missing" }));
  await assert.rejects(missing, (error) => {
    assert.equal(error.name, "ResourceNotFoundException");
    assert.equal(error.message, "Stream missing under account 000000000000 not found.");
    return true;
  });
});
