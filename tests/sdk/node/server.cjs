// One server process for a test file: a free port, a data directory of its own, ended with the tests.
"use strict";

const { spawn } = require("node:child_process");
const { mkdirSync, mkdtempSync, openSync, rmSync, readFileSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:net");
const { join } = require("node:path");

const ROOT = join(__dirname, "..", "..", "..");
const TARGET = process.env.WAYSTATION_TARGET || join(ROOT, "target");
const BINARY = process.env.WAYSTATION_BIN || join(TARGET, "release", "waystation");
const START_MS_MAX = 20_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function isHealthy(url) {
  try {
    return (await fetch(`${url}/_waystation/health`)).ok;
  } catch {
    return false;
  }
}

// Starts the server and resolves once it serves; `stop` ends it and removes its data. `flags` follow the usual ones, and
// `configuration` is the text of its file.
async function start(flags = [], configuration = "") {
  const parent = join(TARGET, "test-data");
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, "node-"));
  const logFile = join(directory, "server.log");
  const log = openSync(logFile, "a");
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const data = join(directory, "data");
  const file = join(directory, "waystation.toml");
  writeFileSync(file, configuration);
  const child = spawn(BINARY, ["--listen", address, "--data-dir", data, "--config", file, ...flags], { stdio: ["ignore", log, log] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const deadline = Date.now() + START_MS_MAX;
  while (!(await isHealthy(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`the server does not serve:\n${readFileSync(logFile, "utf8")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  return { url, data, stop };
}

module.exports = { start };
