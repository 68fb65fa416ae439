"""Reads the relay's events from Kafka: at least once from the broker, once each into the database.

    from_kafka.py --servers localhost:9092 --database events.db plivo.10dlc.brand plivo.10dlc.campaign

Any number of these may run in one group; each has some of the partitions, and so all events of some entities. SIGTERM or
Ctrl-C ends it after the batch at hand.
"""

import argparse
import signal
import sys
import threading

from confluent_kafka import Consumer, KafkaException, Message

from inbox import Inbox

BATCH = 100


def main() -> None:
    options = arguments()
    stopping = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stopping.set())
    inbox = Inbox(options.database)
    consumer = Consumer(
        {
            "bootstrap.servers": options.servers,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            # Offsets are committed below, when the work is on disk.
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(options.topic)
    try:
        while not stopping.is_set():
            records = [record for record in consumer.consume(BATCH, timeout=0.5) if is_good(record)]
            if records:
                inbox.handle((place(record), record.value() or b"") for record in records)
                commit(consumer)
    finally:
        consumer.close()
        inbox.close()


def commit(consumer: Consumer) -> None:
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        # The group was divided anew, or the broker is away: what is not committed comes again, and changes nothing.
        print(f"not committed: {error}", file=sys.stderr)


def is_good(record: Message) -> bool:
    error = record.error()
    if error is None:
        return True
    # Such as a topic that does not exist yet. The client goes on by itself, unless it says otherwise.
    if error.fatal():
        raise KafkaException(error)
    print(f"kafka: {error}", file=sys.stderr)
    return False


def place(record: Message) -> str:
    return f"{record.topic()}/{record.partition()}/{record.offset()}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default="localhost:9092", help="host:port, separated by commas")
    parser.add_argument("--group", default="example")
    parser.add_argument("--database", required=True, help="an SQLite file")
    parser.add_argument("topic", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    main()
