"""Reads Kafka topics from their beginning with confluent-kafka and prints one JSON line a record:

    {"topic": …, "partition": …, "offset": …, "timestamp": …, "key": …, "headers": {…}, "value": …}

`value` is the parsed JSON, or the text where it is none; `body` is the value as it was, in base64. A header
name that occurs twice is listed in `repeated_headers`. Exit code 1 when fewer than --count, or
not everything, came in time.
"""

import argparse
import base64
import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition


def main():
    options = arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": options.servers,
            "group.id": "reader",  # never joined: partitions are assigned, nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            **dict(one.split("=", 1) for one in options.property),
        }
    )
    deadline = time.monotonic() + options.timeout
    partitions = assignment(consumer, options.topic, deadline)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in partitions])
    ends = {} if options.count is not None else highest(consumer, partitions, deadline)
    count, settled = 0, None
    while time.monotonic() < (settled or deadline):
        if settled is None and (count >= options.count if options.count is not None else not ends):
            if not options.settle:
                break
            settled = time.monotonic() + options.settle
        record = consumer.poll(0.1)
        if record is None:
            continue
        place = (record.topic(), record.partition())
        if record.error() is None:
            print(line(record), flush=True)
            count += 1
            if record.offset() + 1 >= ends.get(place, 0):
                ends.pop(place, None)
        elif record.error().code() == KafkaError._PARTITION_EOF:
            # Control records and what compaction took leave the end without a record.
            if record.offset() >= ends.get(place, 0):
                ends.pop(place, None)
        else:
            print(f"read_kafka: {record.error()}", file=sys.stderr)
    consumer.close()
    if options.count is not None and count < options.count:
        sys.exit(f"read_kafka: {count} of {options.count} records within {options.timeout} s")
    if ends:
        sys.exit(f"read_kafka: {count} records within {options.timeout} s, and not to the end of {ends}")


def highest(consumer, partitions, deadline):
    """Where each partition that holds anything ends, as the broker says before anything is read."""
    ends = {}
    for topic, number in partitions:
        wait = max(1, deadline - time.monotonic())
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=wait)
        if high > low:
            ends[(topic, number)] = high
    return ends


def assignment(consumer, topics, deadline):
    """Every partition of the topics, as soon as they all exist."""
    while True:
        known = consumer.list_topics(timeout=max(1, deadline - time.monotonic())).topics
        missing = [topic for topic in topics if topic not in known or not known[topic].partitions]
        if not missing:
            return {(topic, number) for topic in topics for number in known[topic].partitions}
        if time.monotonic() > deadline:
            sys.exit(f"read_kafka: no topic {', '.join(missing)}")
        time.sleep(0.2)


def line(record):
    names = [name for name, _ in record.headers() or []]
    found = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "key": text(record.key()),
        "headers": {name: text(value) for name, value in record.headers() or []},
        "value": parsed(record.value()),
        "body": base64.b64encode(record.value() or b"").decode(),
    }
    repeated = sorted({name for name in names if names.count(name) > 1})
    return json.dumps(found | ({"repeated_headers": repeated} if repeated else {}))


def text(raw):
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def parsed(raw):
    try:
        return json.loads(raw)
    except (TypeError, ValueError):
        return text(raw)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", required=True, help="bootstrap servers, host:port")
    parser.add_argument("--topic", required=True, action="append", help="may be given several times")
    parser.add_argument("--count", type=int, help="how many to wait for; without it, what is there")
    parser.add_argument("--timeout", type=float, default=30, help="seconds (default 30)")
    parser.add_argument("--settle", type=float, default=0, help="go on reading for so many seconds: is there too much?")
    parser.add_argument("--property", "-X", action="append", default=[], help="librdkafka's name=value")
    return parser.parse_args()


if __name__ == "__main__":
    main()
