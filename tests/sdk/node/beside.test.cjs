// What clients of other services ask beside them: who is calling (STS), and where metrics go (CloudWatch).
"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const cloudwatch = require("@aws-sdk/client-cloudwatch");
const sts = require("@aws-sdk/client-sts");
const { start } = require("./server.cjs");

let server;
let options;

before(async () => {
  server = await start();
  options = {
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    maxAttempts: 1,
  };
});

after(() => server.stop());

test("the caller has an account", async () => {
  const who = await new sts.STSClient(options).send(new sts.GetCallerIdentityCommand({}));
  assert.equal(who.Account, "000000000000");
  assert.match(who.Arn, /^arn:aws:iam::000000000000:user\//);
});

test("metrics are taken, also many at once", async () => {
  const client = new cloudwatch.CloudWatchClient(options);
  const MetricData = Array.from({ length: 500 }, (_, number) => ({
    MetricName: "FromNode",
    Value: number,
    Unit: "Count",
    Timestamp: new Date(),
    Dimensions: [{ Name: "Operation", Value: "a name that is long enough to make the request worth compressing" }],
  }));
  await client.send(new cloudwatch.PutMetricDataCommand({ Namespace: "Node", MetricData }));
  const shown = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(shown, /waystation_cloudwatch_samples_total\{.*metric="FromNode".*\} 500(\.0)?\n/);
  const bad = client.send(new cloudwatch.PutMetricDataCommand({ Namespace: "Node", MetricData: [{ MetricName: "None" }] }));
  await assert.rejects(bad, (error) => error.message === "The parameter MetricData.member.1.Value is required.");
});
