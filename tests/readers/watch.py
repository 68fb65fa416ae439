"""Prints a line for each event on the topics `plivo.10dlc.*`, from the beginning, until it is ended:

    BROKER  TIME  TYPE  SUBJECT  ID
"""

import argparse
import asyncio
import json
import threading

import nats
from confluent_kafka import Consumer
from nats.js.errors import NotFoundError


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", required=True, help="nats://host:port")
    parser.add_argument("--kafka", required=True, help="bootstrap servers, host:port")
    options = parser.parse_args()
    threading.Thread(target=watch_kafka, args=[options.kafka], daemon=True).start()
    asyncio.run(watch_nats(options.nats))


def watch_kafka(servers):
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "watch",
            "auto.offset.reset": "earliest",
            # Topics that are made later are seen within a second.
            "topic.metadata.refresh.interval.ms": 1000,
        }
    )
    consumer.subscribe(["^plivo[.]10dlc[.].*"])
    while True:
        record = consumer.poll(1)
        if record is not None and record.error() is None:
            show("kafka", record.value())


async def watch_nats(url):
    connection = await nats.connect(url, max_reconnect_attempts=-1, error_cb=pass_over)
    subscription = await subscribed(connection.jetstream())
    async for record in subscription.messages:
        show("nats", record.data)


async def subscribed(stream):
    while True:
        try:
            return await stream.subscribe("plivo.10dlc.>", ordered_consumer=True)
        except NotFoundError:
            await asyncio.sleep(0.2)


async def pass_over(_):
    """It connects again by itself."""


def show(broker, raw):
    event = json.loads(raw)
    print(f"{broker:6}", event["time"], event["type"], event["subject"], event["id"], flush=True)


if __name__ == "__main__":
    main()
