// The validator that Node services check SNS messages with, against messages of ours, as it comes: the server stands in
// for AWS's own host name.
"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { join } = require("node:path");
const { after, before, test } = require("node:test");
const tls = require("node:tls");
const sqs = require("@aws-sdk/client-sqs");
const MessageValidator = require("sns-validator");
const { start } = require("./server.cjs");

const HOST = "sns.us-east-1.amazonaws.com";

let server;
let client;

before(async () => {
  server = await start(["--tls", "self-signed"], `hosts = ["${HOST}"]\n`);
  client = new sqs.SQSClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    maxAttempts: 1,
  });
  // What a line in the hosts file and a forwarded port would do.
  const { port } = new URL(server.url);
  const ca = readFileSync(join(server.data, "tls", "cert.pem"));
  const agent = new https.Agent({ keepAlive: false });
  agent.createConnection = (options) => tls.connect({ ...options, host: "127.0.0.1", port, servername: HOST, ca });
  https.globalAgent = agent;
});

after(async () => {
  client.destroy();
  await server.stop();
});

// An operation of SNS under AWS's host name; the text of its answer.
function ask(parameters) {
  const form = new URLSearchParams({ Version: "2010-03-31", ...parameters }).toString();
  return new Promise((resolve, reject) => {
    const headers = { Host: HOST, "Content-Type": "application/x-www-form-urlencoded", "Content-Length": Buffer.byteLength(form) };
    const request = https.request({ host: HOST, method: "POST", path: "/", headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        answer.statusCode === 200 ? resolve(text) : reject(new Error(text));
      });
    });
    request.on("error", reject);
    request.end(form);
  });
}

async function topicWithQueue(name, attributes = {}) {
  const TopicArn = /<TopicArn>([^<]+)/.exec(await ask({ Action: "CreateTopic", Name: name, ...attributes }))[1];
  const { QueueUrl } = await client.send(new sqs.CreateQueueCommand({ QueueName: name }));
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${name}`;
  await ask({ Action: "Subscribe", TopicArn, Protocol: "sqs", Endpoint });
  return { TopicArn, QueueUrl };
}

async function received(QueueUrl) {
  const { Messages } = await client.send(new sqs.ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 10 }));
  return JSON.parse(Messages[0].Body);
}

function validate(message) {
  const validator = new MessageValidator();
  return new Promise((resolve, reject) => {
    validator.validate(message, (error, valid) => (error ? reject(error) : resolve(valid)));
  });
}

for (const version of ["1", "2"]) {
  test(`SNS-207 SNS-211 SNS-212: version ${version} is accepted, and nothing else than what was said`, async () => {
    const attributes = { "Attributes.entry.1.key": "SignatureVersion", "Attributes.entry.1.value": version };
    const { TopicArn, QueueUrl } = await topicWithQueue(`node-signed-${version}`, attributes);
    await ask({ Action: "Publish", TopicArn, Message: "h\u00e4user \u2603", Subject: "s" });
    const message = await received(QueueUrl);
    assert.equal(message.SignatureVersion, version);
    assert.equal(new URL(message.SigningCertURL).host, HOST);
    assert.equal((await validate(message)).Message, "h\u00e4user \u2603");
    await assert.rejects(validate({ ...message, Message: "another" }), /signature is invalid/);
  });
}

test("SNS-204 SNS-196: a confirmation is accepted", async () => {
  const asked = new Promise((resolve) => {
    const endpoint = http.createServer((request, answer) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        answer.end();
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
        endpoint.close();
      });
    });
    endpoint.listen(0, "127.0.0.1", async () => {
      const TopicArn = /<TopicArn>([^<]+)/.exec(await ask({ Action: "CreateTopic", Name: "node-asked" }))[1];
      await ask({ Action: "Subscribe", TopicArn, Protocol: "http", Endpoint: `http://127.0.0.1:${endpoint.address().port}/` });
    });
  });
  const message = await asked;
  assert.equal(message.Type, "SubscriptionConfirmation");
  await validate(message);
});
