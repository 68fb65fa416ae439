"""Makes topics and streams for the tests, as an operator would, and shows what the relay made.

make.py topics SERVERS PREFIX             the five topics
make.py stream URL NAME WINDOW            a stream for NAME.>, or a new duplicate window (seconds) for it
make.py larger SERVERS PREFIX             lets the topics take records of four megabytes
make.py insync SERVERS PREFIX COUNT       demands so many in-sync replicas of each topic
make.py show SERVERS URL PREFIX           a line of JSON for the topics' partitions, one for the stream
"""

import asyncio
import json
import sys

import nats
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

KINDS = ("brand", "campaign", "number_linking", "number_unlinking", "unrecognized")


def topics(servers, prefix):
    wanted = [NewTopic(f"{prefix}.{kind}", num_partitions=1, replication_factor=1) for kind in KINDS]
    admin = AdminClient({"bootstrap.servers": servers})  # has to outlive its answers
    for made in admin.create_topics(wanted).values():
        made.result(30)


def larger(servers, prefix):
    change_all(servers, prefix, "max.message.bytes", "4000000")


def insync(servers, prefix, count):
    change_all(servers, prefix, "min.insync.replicas", count)


def change_all(servers, prefix, name, value):
    def change():
        return ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)

    wanted = [ConfigResource(ResourceType.TOPIC, f"{prefix}.{kind}", incremental_configs=[change()]) for kind in KINDS]
    admin = AdminClient({"bootstrap.servers": servers})
    for done in admin.incremental_alter_configs(wanted).values():
        done.result(30)


async def stream(url, name, window):
    connection = await nats.connect(url)
    config = StreamConfig(
        name=name,
        subjects=[f"{name}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=float(window),
    )
    jetstream = connection.jetstream()
    try:
        await jetstream.stream_info(name)
        await jetstream.update_stream(config)
    except NotFoundError:
        await jetstream.add_stream(config)
    await connection.close()


async def show(servers, url, prefix):
    known = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=30).topics
    print(json.dumps({name: len(found.partitions) for name, found in known.items() if name.startswith(prefix)}))
    connection = await nats.connect(url)
    made = (await connection.jetstream().stream_info(prefix)).config
    shown = {"storage": made.storage, "discard": made.discard, "duplicate_window": made.duplicate_window}
    print(json.dumps(shown))
    await connection.close()


match sys.argv[1:]:
    case ["topics", servers, prefix]:
        topics(servers, prefix)
    case ["larger", servers, prefix]:
        larger(servers, prefix)
    case ["insync", servers, prefix, count]:
        insync(servers, prefix, count)
    case ["stream", url, name, window]:
        asyncio.run(stream(url, name, window))
    case ["show", servers, url, prefix]:
        asyncio.run(show(servers, url, prefix))
    case _:
        sys.exit(__doc__)
