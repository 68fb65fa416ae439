"""Reads a JetStream stream from its beginning with nats-py and prints one JSON line a record:

    {"topic": SUBJECT, "sequence": …, "timestamp": …, "key": null, "headers": {…}, "value": …}

`value` is the parsed JSON, or the text where it is none; `body` is the value as it was, in base64. With --only HEADER
it prints the value of that header instead. Exit code 1 when fewer than --count came in time.
"""

import argparse
import asyncio
import base64
import json
import ssl
import sys
import time

import nats
from nats.errors import Error, TimeoutError
from nats.js.errors import NotFoundError, ServiceUnavailableError


async def main():
    options = arguments()
    deadline = time.monotonic() + options.timeout
    connection = await nats.connect(**connect_options(options))
    subscription, waiting = await subscribe(connection.jetstream(), options, deadline)
    count, settled = 0, None
    while time.monotonic() < (settled or deadline):
        if settled is None and (count >= options.count if options.count is not None else waiting == 0):
            if not options.settle:
                break
            settled = time.monotonic() + options.settle
        try:
            record = await subscription.next_msg(timeout=0.1)
        except TimeoutError:
            continue
        print(record.headers[options.only] if options.only else line(record), flush=not options.only)
        waiting = record.metadata.num_pending
        count += 1
    await connection.close()
    if options.count is not None and count < options.count:
        sys.exit(f"read_nats: {count} of {options.count} records within {options.timeout} s")


async def subscribe(stream, options, deadline):
    """A reader of its own from the stream's beginning, as soon as the stream exists and its servers answer for it: those
    of a cluster may still be busy with each other."""
    while True:
        try:
            subscription = await stream.subscribe(options.subject, stream=options.stream, ordered_consumer=True)
            # Some may be on their way to us already.
            info = await subscription.consumer_info()
            return subscription, info.num_pending + info.delivered.consumer_seq
        except (NotFoundError, ServiceUnavailableError, TimeoutError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"read_nats: stream {options.stream} cannot be read: {error!r}")
            await asyncio.sleep(0.2)


def line(record):
    return json.dumps(
        {
            "topic": record.subject,
            "sequence": record.metadata.sequence.stream,
            "timestamp": record.metadata.timestamp.isoformat(),
            "key": None,
            "headers": dict(record.headers or {}),
            "value": parsed(record.data),
            "body": base64.b64encode(record.data).decode(),
        }
    )


def parsed(raw):
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "backslashreplace")


def connect_options(options):
    chosen = {"servers": options.url, "allow_reconnect": False, "connect_timeout": options.timeout, "error_cb": complain}
    names = {"user": "user", "password": "password", "token": "token", "nkey": "nkeys_seed", "creds": "user_credentials"}
    chosen |= {theirs: getattr(options, ours) for ours, theirs in names.items() if getattr(options, ours)}
    if options.ca:
        chosen["tls"] = ssl.create_default_context(cafile=options.ca)
        if options.cert:
            chosen["tls"].load_cert_chain(options.cert, options.key)
    return chosen


async def complain(error):
    print(f"read_nats: {error!r}", file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="nats://host:port or tls://host:port")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--subject", default=">", help="a filter (default: everything in the stream)")
    parser.add_argument("--only", metavar="HEADER", help="print nothing but this header's value")
    parser.add_argument("--count", type=int, help="how many to wait for; without it, what is there")
    parser.add_argument("--timeout", type=float, default=30, help="seconds (default 30)")
    parser.add_argument("--settle", type=float, default=0, help="go on reading for so many seconds: is there too much?")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--token")
    parser.add_argument("--nkey", help="file with the seed")
    parser.add_argument("--creds", help="credentials file")
    parser.add_argument("--ca", help="file with the authority's certificate")
    parser.add_argument("--cert", help="file with the client's certificate")
    parser.add_argument("--key", help="file with the client's key")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (Error, OSError) as error:
        sys.exit(f"read_nats: {error!r}")
