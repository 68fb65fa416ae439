"""Makes, changes and deletes topics and streams for the tests, as an operator would, and shows what the relay made.

make.py topics SERVERS PREFIX               the five topics
make.py topics-on-two SERVERS PREFIX        the same on brokers 1 and 2, which both have to have what is acknowledged
make.py config SERVERS PREFIX NAME VALUE    a configuration of the topics, such as max.message.bytes
make.py no-topics SERVERS PREFIX            deletes the topics
make.py user SERVERS NAME PASSWORD          a user for SCRAM-SHA-512
make.py no-user SERVERS NAME                deletes the user
make.py deny SERVERS NAME PREFIX            forbids the user to write to the topics
make.py allow SERVERS NAME PREFIX           forbids it no more
make.py stream URL NAME WINDOW              a stream for NAME.>, or a new duplicate window (seconds) for it
make.py stream-as URL FILE                  the stream that this JSON describes; prints what the server made of it
make.py stream-config URL NAME              prints the same of one that is there
make.py topic-config SERVERS TOPIC          a line of JSON for the topic's configuration
make.py limit URL NAME KEY VALUE            a limit of the stream, such as max_msgs
make.py no-stream URL NAME                  deletes the stream
make.py leaders SERVERS TOPIC COPIES        the number of each partition's leader, once each has so many copies in step
make.py leader URL NAME                     the name of the server that leads the stream, once the others have all of it
make.py say SERVERS URL TOPIC TEXT...       has these texts on the topic and on the subject of that name
make.py show SERVERS URL PREFIX             a line of JSON for the topics' partitions, one for the stream
"""

import asyncio
import json
import sys

import nats
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

KINDS = ("brand", "campaign", "number_linking", "number_unlinking", "unrecognized")


def names(prefix):
    return [f"{prefix}.{kind}" for kind in KINDS]


def administer(servers, change):
    """Waits for each answer to `change(admin)`."""
    admin = AdminClient({"bootstrap.servers": servers})  # has to outlive its answers
    for done in change(admin).values():
        done.result(30)


def topics(servers, prefix):
    wanted = [NewTopic(name, num_partitions=1, replication_factor=1) for name in names(prefix)]
    administer(servers, lambda admin: admin.create_topics(wanted))


def topics_on_two(servers, prefix):
    both = {"replica_assignment": [[1, 2]], "config": {"min.insync.replicas": "2"}}
    wanted = [NewTopic(name, num_partitions=1, **both) for name in names(prefix)]
    administer(servers, lambda admin: admin.create_topics(wanted))


def leaders(servers, topic, copies):
    found = AdminClient({"bootstrap.servers": servers}).list_topics(topic, timeout=30).topics[topic].partitions
    if found and all(len(one.isrs) == int(copies) and one.leader in one.isrs for one in found.values()):
        print(*(found[number].leader for number in sorted(found)))


def config(servers, prefix, name, value):
    def change():
        return ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)

    wanted = [ConfigResource(ResourceType.TOPIC, one, incremental_configs=[change()]) for one in names(prefix)]
    administer(servers, lambda admin: admin.incremental_alter_configs(wanted))


def no_topics(servers, prefix):
    administer(servers, lambda admin: admin.delete_topics(names(prefix)))


def user(servers, name, password):
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(name, how, password.encode())
    administer(servers, lambda admin: admin.alter_user_scram_credentials([wanted]))


def no_user(servers, name):
    gone = UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)
    administer(servers, lambda admin: admin.alter_user_scram_credentials([gone]))


def rule(of, name, prefix):
    place = ResourceType.TOPIC, prefix, ResourcePatternType.PREFIXED
    return of(*place, f"User:{name}", "*", AclOperation.WRITE, AclPermissionType.DENY)


def deny(servers, name, prefix):
    administer(servers, lambda admin: admin.create_acls([rule(AclBinding, name, prefix)]))


def allow(servers, name, prefix):
    administer(servers, lambda admin: admin.delete_acls([rule(AclBindingFilter, name, prefix)]))


async def on_nats(url, change):
    connection = await nats.connect(url)
    try:
        return await change(connection.jetstream())
    finally:
        await connection.close()


def stream(url, name, window):
    config = StreamConfig(
        name=name,
        subjects=[f"{name}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=float(window),
    )

    async def change(jetstream):
        try:
            await jetstream.stream_info(name)
            await jetstream.update_stream(config)
        except NotFoundError:
            await jetstream.add_stream(config)

    asyncio.run(on_nats(url, change))


async def api(jetstream, subject, payload=b""):
    """Asks the server itself: its own words, not this client's."""
    answer = json.loads((await jetstream._nc.request(f"$JS.API.{subject}", payload, timeout=10)).data)
    if "error" in answer:
        sys.exit(json.dumps(answer["error"]))
    print(json.dumps(answer["config"]))


def stream_as(url, file):
    with open(file, "rb") as text:
        wanted = text.read()
    subject = f"STREAM.CREATE.{json.loads(wanted)['name']}"
    asyncio.run(on_nats(url, lambda jetstream: api(jetstream, subject, wanted)))


def stream_config(url, name):
    asyncio.run(on_nats(url, lambda jetstream: api(jetstream, f"STREAM.INFO.{name}")))


def topic_config(servers, topic):
    admin = AdminClient({"bootstrap.servers": servers})
    [found] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    print(json.dumps({name: entry.value for name, entry in found.result(30).items()}))


def limit(url, name, key, value):
    async def change(jetstream):
        found = (await jetstream.stream_info(name)).config
        await jetstream.update_stream(found.evolve(**{key: int(value)}))

    asyncio.run(on_nats(url, change))


def no_stream(url, name):
    asyncio.run(on_nats(url, lambda jetstream: jetstream.delete_stream(name)))


def leader(url, name):
    cluster = asyncio.run(on_nats(url, lambda jetstream: jetstream.stream_info(name))).cluster
    replicas = cluster.replicas or []
    settled = len(replicas) == 2 and all(replica.current and not replica.offline for replica in replicas)
    print(cluster.leader if settled else "")


def say(servers, url, topic, texts):
    producer = Producer({"bootstrap.servers": servers})
    for text in texts:
        producer.produce(topic, text.encode())
    if producer.flush(30):
        sys.exit("make: kafka did not take it")

    async def publish(jetstream):
        for text in texts:
            await jetstream.publish(topic, text.encode())

    asyncio.run(on_nats(url, publish))


def show(servers, url, prefix):
    known = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=30).topics
    print(json.dumps({name: len(found.partitions) for name, found in known.items() if name.startswith(prefix)}))
    made = asyncio.run(on_nats(url, lambda jetstream: jetstream.stream_info(prefix))).config
    shown = {"storage": made.storage, "discard": made.discard, "duplicate_window": made.duplicate_window}
    print(json.dumps(shown))


match sys.argv[1:]:
    case ["topics", servers, prefix]:
        topics(servers, prefix)
    case ["topics-on-two", servers, prefix]:
        topics_on_two(servers, prefix)
    case ["config", servers, prefix, name, value]:
        config(servers, prefix, name, value)
    case ["no-topics", servers, prefix]:
        no_topics(servers, prefix)
    case ["user", servers, name, password]:
        user(servers, name, password)
    case ["no-user", servers, name]:
        no_user(servers, name)
    case ["deny", servers, name, prefix]:
        deny(servers, name, prefix)
    case ["allow", servers, name, prefix]:
        allow(servers, name, prefix)
    case ["stream", url, name, window]:
        stream(url, name, window)
    case ["stream-as", url, file]:
        stream_as(url, file)
    case ["stream-config", url, name]:
        stream_config(url, name)
    case ["topic-config", servers, topic]:
        topic_config(servers, topic)
    case ["limit", url, name, key, value]:
        limit(url, name, key, value)
    case ["no-stream", url, name]:
        no_stream(url, name)
    case ["leaders", servers, topic, copies]:
        leaders(servers, topic, copies)
    case ["leader", url, name]:
        leader(url, name)
    case ["say", servers, url, topic, *texts]:
        say(servers, url, topic, texts)
    case ["show", servers, url, prefix]:
        show(servers, url, prefix)
    case _:
        sys.exit(__doc__)
