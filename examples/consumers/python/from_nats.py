"""Reads the relay's events from NATS JetStream: at least once from the server, once each into the database.

    from_nats.py --servers nats://localhost:4222 --stream PLIVO_10DLC --database events.db

SIGTERM or Ctrl-C ends it after the batch at hand.
"""

import argparse
import asyncio
import signal

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from inbox import Inbox

BATCH = 100


async def main() -> None:
    options = arguments()
    stopping = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stopping.set)
    inbox = Inbox(options.database)
    connection = await nats.connect(options.servers.split(","))
    subscription = await connection.jetstream().pull_subscribe(
        "",
        durable=options.consumer,
        stream=options.stream,
        # One batch at a time under way: that is what keeps the stream's order.
        config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=BATCH),
    )
    try:
        while not stopping.is_set():
            try:
                messages = await subscription.fetch(BATCH, timeout=0.5)
            except TimeoutError:
                continue
            inbox.handle((f"{message.subject}/{message.metadata.sequence.stream}", message.data) for message in messages)
            for message in messages:
                # Only now, when the work is on disk. An acknowledgement that is lost brings the event again.
                await message.ack()
        # The last acknowledgements have to arrive.
        await connection.flush()
    finally:
        await connection.close()
        inbox.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default="nats://localhost:4222", help="separated by commas")
    parser.add_argument("--stream", default="PLIVO_10DLC")
    parser.add_argument("--consumer", default="example", help="the durable consumer's name")
    parser.add_argument("--database", required=True, help="an SQLite file")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
