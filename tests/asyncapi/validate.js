/* validate.js DOCUMENT...: does AsyncAPI's own parser take each document, do its examples fit, and do records?

Standard input has records as read_kafka.py and read_nats.py print them, one JSON line each: every one has to be on a
channel of the document, and its headers and payload have to fit one of the messages there. Prints one line of JSON for
each document: {"errors": […], "channels": N, "examples": N, "records": N}. Exit code 1 when there are errors. */
"use strict";

const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");
const Ajv = require("ajv").default;
const formats = require("ajv-formats").default;

const ERROR = 0;

async function main(paths) {
  const records = readFileSync(0, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  let code = 0;
  for (const path of paths) {
    const answer = await judged(readFileSync(path, "utf8"), records);
    console.log(JSON.stringify(answer));
    code = answer.errors.length > 0 ? 1 : code;
  }
  return code;
}

async function judged(text, records) {
  const { document, diagnostics } = await new Parser().parse(text);
  const errors = diagnostics
    .filter((found) => found.severity === ERROR)
    .map((found) => `${found.path.join("/")}: ${found.message}`);
  if (!document) {
    return { errors: errors.length > 0 ? errors : ["the parser made nothing of the document"] };
  }
  const channels = document.channels().all().map(understood);
  let examples = 0;
  for (const { address, messages } of channels) {
    for (const message of messages) {
      examples += message.examples.length;
      const problems = message.examples.flatMap(message.problems);
      errors.push(...problems.map((problem) => `${address}: an example: ${problem}`));
    }
  }
  errors.push(...records.flatMap((record) => misplaced(record, channels)));
  return { errors, channels: channels.length, examples, records: records.length };
}

/** A channel, with what tells whether a record belongs there. */
function understood(channel) {
  const address = channel.address();
  const pattern = address.split(/\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return {
    address,
    matches: (topic) => new RegExp(`^${pattern.join("[A-Za-z0-9_-]+")}$`).test(topic),
    messages: channel.messages().all().map(checked),
  };
}

function checked(message) {
  // Every message of its own: the schemas of several sinks have one $id.
  const ajv = formats(new Ajv({ allErrors: true, strict: false }));
  const examples = message.examples().all().map((one) => ({ headers: one.headers(), payload: one.payload() }));
  const headers = message.headers() && ajv.compile(message.headers().json());
  // A schema with its format around it; without one it would allow everything.
  const payload = ajv.compile(message.payload().json().schema);
  const problems = (one) => {
    const found = [];
    for (const [what, schema] of [["headers", headers], ["payload", payload]]) {
      if (schema && !schema(one[what])) {
        found.push(`${what}: ${ajv.errorsText(schema.errors)}`);
      }
    }
    return found;
  };
  return { examples, problems };
}

function misplaced(record, channels) {
  const found = channels.filter((channel) => channel.matches(record.topic));
  if (found.length === 0) {
    return [`${record.topic} is no channel of the document`];
  }
  const one = { headers: record.headers, payload: record.value };
  const problems = found.flatMap((channel) => channel.messages.map((message) => message.problems(one)));
  return problems.some((none) => none.length === 0) ? [] : [`on ${record.topic}: ${problems.flat().join("; ")}`];
}

main(process.argv.slice(2)).then((code) => (process.exitCode = code));
