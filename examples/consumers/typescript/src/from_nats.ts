// Reads the relay's events from NATS JetStream: at least once from the server, once each into the database.
//
//   node src/from_nats.ts --servers nats://localhost:4222 --stream PLIVO_10DLC --database events.db
//
// SIGTERM or Ctrl-C ends it after the event at hand.

import { parseArgs } from "node:util";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

import { Inbox } from "./inbox.ts";

const { values: options } = parseArgs({
  options: {
    servers: { type: "string", default: "nats://localhost:4222" },
    stream: { type: "string", default: "PLIVO_10DLC" },
    consumer: { type: "string", default: "example" },
    database: { type: "string", default: "events.db" },
  },
});

const inbox = new Inbox(options.database);
const connection = await connect({ servers: options.servers.split(",") });
const manager = await jetstreamManager(connection);
// One at a time under way: that is what keeps the stream's order.
await manager.consumers.add(options.stream, {
  durable_name: options.consumer,
  ack_policy: AckPolicy.Explicit,
  max_ack_pending: 1,
});
const consumer = await jetstream(connection).consumers.get(options.stream, options.consumer);
const messages = await consumer.consume();

let stopping: Promise<void | Error> | undefined;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => (stopping ??= messages.close()));
}

for await (const message of messages) {
  inbox.handle(`${message.subject}/${message.seq}`, message.data);
  // Only now, when the work is on disk. An acknowledgement that is lost brings the event again.
  message.ack();
}
await stopping;
await connection.drain();
inbox.close();
