#!/usr/bin/env node
// A plugin for onetake: notes that callers leave. Take it, and put your own system in its place.
// Needs `npm install`, and the folder of onetake's protos in ONETAKE_PROTO.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const DAY_MS = 24 * 3600 * 1000;

// Stands for your system, one that honours idempotency keys and can be asked about them.
class Notes {
  #byKey = new Map();

  // The same key again is the same note: a retry makes no second one.
  add(key, text) {
    if (!this.#byKey.has(key)) this.#byKey.set(key, { id: this.#byKey.size + 1, text });
    return this.#byKey.get(key);
  }

  find(key) {
    return this.#byKey.get(key);
  }

  all() {
    return [...this.#byKey.values()];
  }
}

const notes = new Notes();
const result = (outcome, value) => ({
  result: { outcome: `INVOKE_OUTCOME_${outcome}`, resultJson: JSON.stringify(value) },
});

function describe(_call, done) {
  const text = { type: "string", minLength: 1, maxLength: 500 };
  done(null, {
    name: "notes",
    version: "1",
    tools: [
      {
        name: "add_note",
        description: "Leaves a note for the practice.",
        effect: "EFFECT_WRITE",
        keyRetentionMs: DAY_MS,
        canProbe: true,
        parametersJson: JSON.stringify({
          type: "object", properties: { text }, required: ["text"], additionalProperties: false,
        }),
      },
      {
        name: "list_notes",
        description: "The notes that were left.",
        effect: "EFFECT_READ",
        parametersJson: JSON.stringify({ type: "object", additionalProperties: false }),
      },
    ],
  });
}

// One attempt. Never retry in here: onetake decides that, and has to know of every send.
function invoke(call) {
  const { tool, argumentsJson, key } = call.request;
  if (tool === "list_notes") {
    call.write(result("SUCCEEDED", { notes: notes.all() }));
    return call.end();
  }
  if (tool !== "add_note") {
    return call.emit("error", { code: grpc.status.UNIMPLEMENTED, details: "no such tool" });
  }
  const { text } = JSON.parse(argumentsJson);
  if (text.trim() === "") {
    // Before anything was done: surely no effect.
    call.write(result("REJECTED", { error: "the note is empty" }));
    return call.end();
  }
  call.write({ progress: { text: "writing the note", progress: 1, total: 2 } });
  // An exception from here on ends the stream without a result: onetake takes it as "may have
  // happened", which is the truth.
  call.write(result("SUCCEEDED", notes.add(key, text)));
  return call.end();
}

function probe(call, done) {
  const note = notes.find(call.request.key);
  if (note === undefined) return done(null, { verdict: "PROBE_VERDICT_NOT_APPLIED" });
  return done(null, { verdict: "PROBE_VERDICT_APPLIED", resultJson: JSON.stringify(note) });
}

const definition = loader.loadSync("onetake/v1/plugin.proto", {
  includeDirs: [process.env.ONETAKE_PROTO],
  enums: String,
  longs: Number,
  defaults: true,
});
const { onetake } = grpc.loadPackageDefinition(definition);
const server = new grpc.Server();
server.addService(onetake.v1.ToolPlugin.service, {
  Describe: describe, Invoke: invoke, Probe: probe,
});
const address = `unix:${process.env.ONETAKE_PLUGIN_SOCKET}`;
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  // The handshake: the only line on standard output. Log to standard error.
  console.log(`onetake-plugin 1 ${address}`);
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
