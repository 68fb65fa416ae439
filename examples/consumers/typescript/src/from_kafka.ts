// Reads the relay's events from Kafka: at least once from the broker, once each into the database.
//
//   node src/from_kafka.ts --servers localhost:9092 --database events.db plivo.10dlc.brand plivo.10dlc.campaign
//
// Any number of these may run in one group; each has some of the partitions, and so all events of some entities. SIGTERM
// or Ctrl-C ends it after the event at hand.

import { parseArgs } from "node:util";
import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes } from "@platformatic/kafka";

import { Inbox } from "./inbox.ts";

const { values: options, positionals: topics } = parseArgs({
  allowPositionals: true,
  options: {
    servers: { type: "string", default: "localhost:9092" },
    group: { type: "string", default: "example" },
    database: { type: "string", default: "events.db" },
  },
});

const inbox = new Inbox(options.database);
const consumer = new Consumer({
  clientId: "example",
  groupId: options.group,
  bootstrapBrokers: options.servers.split(","),
});
const records = await consumer.consume({
  topics,
  mode: MessagesStreamModes.COMMITTED,
  fallbackMode: MessagesStreamFallbackModes.EARLIEST,
  // Offsets are committed below, when the work is on disk.
  autocommit: false,
});

let stopping: Promise<void> | undefined;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => (stopping ??= records.close()));
}

for await (const record of records) {
  if (stopping !== undefined) break;
  inbox.handle(`${record.topic}/${record.partition}/${record.offset}`, record.value ?? Buffer.alloc(0));
  await record.commit();
}
await stopping;
await consumer.close(true);
inbox.close();
