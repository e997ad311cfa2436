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
  async add(key, text) {
    if (!this.#byKey.has(key)) this.#byKey.set(key, { id: this.#byKey.size + 1, text });
    return this.#byKey.get(key);
  }

  async find(key) {
    return this.#byKey.get(key);
  }

  async all() {
    return [...this.#byKey.values()];
  }
}

const notes = new Notes();
const running = [];  // the keys of the writes that are being done
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
async function invoke(call) {
  const { tool, argumentsJson, key } = call.request;
  if (tool === "list_notes") {
    call.write(result("SUCCEEDED", { notes: await notes.all() }));
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
  // Nobody waits any more, and a probe may have said "not applied": do not begin.
  if (call.cancelled) return call.end();
  running.push(key);
  try {
    call.write({ progress: { text: "writing the note", progress: 1, total: 2 } });
    // An exception from here on ends the stream without a result: onetake takes it as "may have
    // happened", which is the truth.
    call.write(result("SUCCEEDED", await notes.add(key, text)));
  } finally {
    running.splice(running.indexOf(key), 1);
  }
  return call.end();
}

async function probe({ key }) {
  // A write that runs may yet take effect, also when its deadline has passed: of one, never say
  // "not applied". Look at this first, and a write that ends meanwhile is found.
  const runs = running.includes(key);
  const note = await notes.find(key);
  if (note !== undefined) {
    return { verdict: "PROBE_VERDICT_APPLIED", resultJson: JSON.stringify(note) };
  }
  return { verdict: runs ? "PROBE_VERDICT_INCONCLUSIVE" : "PROBE_VERDICT_NOT_APPLIED" };
}

// Turns an exception into an answer: Node would end the program, and with it all other calls.
function failure(error) {
  console.error(error);
  return { code: grpc.status.UNKNOWN, details: "an exception" };
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
  Describe: describe,
  Invoke: (call) => invoke(call).catch((error) => call.emit("error", failure(error))),
  Probe: (call, done) => probe(call.request)
    .then((answer) => done(null, answer), (error) => done(failure(error))),
});
const address = `unix:${process.env.ONETAKE_PLUGIN_SOCKET}`;
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  // The handshake: the only line on standard output. Log to standard error.
  console.log(`onetake-plugin 1 ${address}`);
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
