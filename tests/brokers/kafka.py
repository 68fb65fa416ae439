"""Kafka brokers: KRaft, one node with a listener for each way to be let in, or several that form a cluster."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import children
import ports

CLUSTER = "dGVuZGxjLXJlbGF5LXRlcw"  # any 16 bytes, always the same: a restart finds its own data

# After a kill -9 a broker cannot register again before its session is over: hence a short one.
COMMON = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
auto.create.topics.enable=false
num.partitions=3
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
"""

ONE_LISTENER = """\
listeners=PLAIN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
"""

# A second listener for clients that come by another address, and have to say who they are.
BEHIND = """\
listeners=PLAIN://127.0.0.1:{port},CLIENTS://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAIN://127.0.0.1:{port},CLIENTS://127.0.0.1:{advertised}
listener.security.protocol.map=PLAIN:PLAINTEXT,CLIENTS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

# Later lines win.
SECOND = """\
process.roles=broker
node.id=2
listeners=PLAIN://127.0.0.1:{port}
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
"""

# One of several brokers that elect their controller and the leaders of their partitions among themselves.
MEMBER = """\
node.id={number}
controller.quorum.voters={voters}
listeners=PLAIN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
"""

ALL_LISTENERS = """\
listeners=PLAIN://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{mtls},EXPIRED://127.0.0.1:{expired},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL,EXPIRED:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
ssl.keystore.type=PEM
ssl.keystore.location={certificates}/server-keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location={certificates}/ca.pem
listener.name.mtls.ssl.client.auth=required
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location={certificates}/expired-keystore.pem
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_relay="{password}";
listener.name.sasl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.sasl.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler
"""

LOG = """\
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=STDOUT
appender.console.type=Console
appender.console.name=STDOUT
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1}: %m%n
"""


def jars():
    """The directory of the broker's jars, or None where it cannot be had."""
    directory = Path(os.environ.get("TENDLC_BROKERS_KAFKA_JARS", "/nonexistent"))
    return directory if (directory / ".complete").exists() and shutil.which("java") else None


def execute(directory, port, behind=None):
    """Becomes a Kafka broker; formats its storage when there is none yet. `behind` is the port of a second listener,
    and the one that clients are told to come by."""
    if not jars():
        exit("error: no Kafka broker; run scripts/setup brokers")
    directory = directory.resolve()
    # Chosen anew at each start, and not among the ports that tests keep for brokers that are down.
    [controller] = ports.free(1)
    listeners = ONE_LISTENER.format(port=port, controller=controller)
    if behind:
        clients, advertised = behind
        listeners = BEHIND.format(port=port, controller=controller, clients=clients, advertised=advertised)
    write(directory, controller, listeners)
    become(directory)


def execute_second(directory, port, first):
    """Becomes another broker of the cluster whose first one has its data in the directory `first`."""
    text = (first.resolve() / "server.properties").read_text()
    controller = next(line for line in text.splitlines() if line.startswith("controller.quorum.voters=")).split(":")[-1]
    write(directory.resolve(), controller, SECOND.format(port=port))
    become(directory.resolve())


def execute_member(directory, port, number, controllers):
    """Becomes broker `number` (from 1 on) of as many as there are ports of controllers."""
    voters = ",".join(f"{one}@127.0.0.1:{controller}" for one, controller in enumerate(controllers, 1))
    own = controllers[number - 1]
    write(directory.resolve(), own, MEMBER.format(number=number, voters=voters, port=port, controller=own))
    become(directory.resolve())


def become(directory):
    format_storage(directory)
    # It is started and killed many times and works little: the quick compiler is enough.
    command = java(directory, "kafka.Kafka", "server.properties", quick=True)
    os.chdir(directory)
    os.execvp(command[0], command)


def execute_image(mounted, final):
    """Becomes a Kafka broker as Apache's image does: its own class puts the configuration together in the directory
    `final`, which is empty at first, and formats the storage; then that is served."""
    final = final.resolve()
    (final / "log4j2.properties").write_text(LOG)
    environment = {**os.environ, "CLUSTER_ID": CLUSTER}
    directories = f"--mounted-configs-dir={mounted.resolve().parent}", f"--final-configs-dir={final}"
    with tempfile.TemporaryDirectory() as default:
        set_up = "setup", f"--default-configs-dir={default}", *directories
        subprocess.run(java(final, "kafka.docker.KafkaDockerWrapper", *set_up, quick=True), env=environment, check=True)
    os.environ["TENDLC_TEST_KAFKA_JAVA_OPTS"] = os.environ["KAFKA_HEAP_OPTS"] + " -XX:+UseSerialGC"
    command = java(final, "kafka.Kafka", str(final / "server.properties"), quick=True)
    os.execvp(command[0], command)


def start(directory, certificates, python):
    """Starts the shared broker; answers the environment that tests find it by."""
    password, stranger = secrets.token_hex(12), secrets.token_hex(12)
    names = ("plain", "sasl", "mtls", "expired", "controller")
    port = dict(zip(names, ports.free(len(names))))
    write(directory, port["controller"], ALL_LISTENERS.format(certificates=certificates, password=password, **port))
    format_storage(
        directory,
        *scram("SCRAM-SHA-512", "relay", password),
        *scram("SCRAM-SHA-256", "relay", password),
        *scram("SCRAM-SHA-512", "stranger", stranger),
    )
    log = directory / "kafka.log"
    child = children.start(java(directory, "kafka.Kafka", "server.properties"), log, cwd=directory)

    def ready():
        others = (ports.answers_tcp(port[name]) for name in ("sasl", "mtls", "expired"))
        return ports.answers_kafka(port["plain"]) and all(others)

    ports.wait("the Kafka broker", child, log, ready)
    address = {name: f"127.0.0.1:{number}" for name, number in port.items()}
    subprocess.run([python, Path(__file__).with_name("deny.py"), address["plain"], "stranger"], check=True)
    return {
        "TENDLC_TEST_KAFKA": address["plain"],
        "TENDLC_TEST_KAFKA_SASL_SSL": address["sasl"],
        "TENDLC_TEST_KAFKA_USER": "relay",
        "TENDLC_TEST_KAFKA_PASSWORD": password,
        "TENDLC_TEST_KAFKA_STRANGER_USER": "stranger",
        "TENDLC_TEST_KAFKA_STRANGER_PASSWORD": stranger,
        "TENDLC_TEST_KAFKA_MTLS": address["mtls"],
        "TENDLC_TEST_KAFKA_EXPIRED": address["expired"],
    }


def write(directory, controller, listeners):
    directory.mkdir(parents=True, exist_ok=True)
    text = COMMON.format(directory=directory, controller=controller) + listeners
    Path(directory, "server.properties").write_text(text)
    Path(directory, "log4j2.properties").write_text(LOG)


def scram(mechanism, user, password):
    return "--add-scram", f"{mechanism}=[name={user},password={password}]"


def format_storage(directory, *more):
    if (directory / "data" / "meta.properties").exists():
        return
    arguments = "format", "-t", CLUSTER, "-c", "server.properties", *more
    done = subprocess.run(java(directory, "kafka.tools.StorageTool", *arguments, quick=True), cwd=directory, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"formatting Kafka's storage failed: {done.stdout}{done.stderr}")


def archive():
    """Records the classes that a broker loads when it starts, so that the next ones start in half the time."""
    made = Path(jars(), "kafka.jsa")
    with tempfile.TemporaryDirectory(prefix="tendlc-kafka-") as directory:
        directory = Path(directory)
        port, controller = ports.free(2)
        write(directory, controller, ONE_LISTENER.format(port=port, controller=controller))
        format_storage(directory)
        record = [f"-XX:ArchiveClassesAtExit={directory}/kafka.jsa"]
        log = directory / "kafka.log"
        child = children.start(java(directory, "kafka.Kafka", "server.properties", archived=record), log, cwd=directory)
        ports.wait("the Kafka broker", child, log, lambda: ports.answers_kafka(port))
        child.terminate()
        child.wait(60)
        shutil.move(directory / "kafka.jsa", made.with_suffix(".new"))
        made.with_suffix(".new").rename(made)


def java(directory, main, *arguments, quick=False, archived=None):
    classes = ":".join(sorted(str(jar) for jar in jars().glob("*.jar")))
    options = os.environ.get("TENDLC_TEST_KAFKA_JAVA_OPTS", "-Xms128m -Xmx512m -XX:+UseSerialGC").split()
    options += ["-XX:-UsePerfData", f"-Dlog4j2.configurationFile={directory}/log4j2.properties"]
    options += ["-XX:TieredStopAtLevel=1"] if quick else []
    if archived is None and Path(jars(), "kafka.jsa").exists():
        # An archive made by another Java is passed over without a word.
        archived = [f"-XX:SharedArchiveFile={jars()}/kafka.jsa", "-Xshare:auto", "-Xlog:disable"]
    return ["java", *options, *(archived or []), "-cp", classes, main, *arguments]
