"""What docker-compose.yml starts with its profile `demo`, as plain processes: the same commands, environment, health
checks and configuration files, on loopback ports, with all data in a temporary directory.

What is missing is the container layer, and with it the services whose programs are in no package.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import children
import composed
import kafka
import nats
import ports

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# How images begin their commands.
ENTRYPOINTS = {
    "relay": ["tendlc-relay", "serve"],
    "kafka": ["kafka", "/mnt/shared/config/server.properties", "/opt/kafka/config"],
    "prometheus": ["prometheus", "--web.listen-address=0.0.0.0:9090"],
    "alertmanager": ["alertmanager", "--web.listen-address=0.0.0.0:9093"],
}
# And what they read and where they listen when nobody tells them.
ENVIRONMENT = {"relay": {"TENDLC_CONFIG": "/etc/tendlc-relay/relay.toml", "TENDLC_INGRESS__LISTEN": "0.0.0.0:8080"}}
# nats-box is in no package: this prints what comes to Kafka as well.
INSTEAD = {"consumer": ["watch", "--nats=nats://nats:4222", "--kafka=kafka:9092"]}
# It gives directories to users of containers.
NEEDLESS = ["volumes"]

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP

SHOWN = [
    ("callbacks", "http://{}/tendlc_status/", "relay", 8080),
    ("readiness", "http://{}/readyz", "relay", 9464),
    ("metrics", "http://{}/metrics", "relay", 9464),
    ("prometheus", "http://{}", "prometheus", 9090),
    ("alertmanager", "http://{}", "alertmanager", 9093),
    ("kafka", "{}", "kafka", 9092),
    ("nats", "nats://{}", "nats", 4222),
]


def run(built, free_ports=False, interval=None):
    """Runs it until somebody ends it. `built` is the directory of the relay's own programs."""
    children.adopt_orphans()
    for one in SIGNALS:
        signal.signal(one, lambda number, _: sys.exit(0 if number == signal.SIGINT else 128 + number))
    directory = Path(tempfile.mkdtemp(prefix="tendlc-stack-"))
    # Nothing of the caller's own: the account is made up, and the URL is never looked up.
    told = composed.Composed(ROOT, directory, {"TENDLC_PUBLIC_URL": "https://relay.example.com"}, free_ports)
    stack = Stack(told, programs(Path(built).resolve()), directory, interval)
    try:
        stack.start()
        stack.watch()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    finally:
        stack.end()


def programs(built):
    """How to run each program of the images that can be had here."""
    python = [os.environ["TENDLC_BROKERS_PYTHON"]]
    found = {
        "tendlc-relay": [built / "tendlc-relay"],
        "plivo-sim": [built / "plivo-sim"],
        "sh": ["sh"],
        "nats-server": nats.server() and [nats.server()],
        "kafka": kafka.jars() and ["env", f"TENDLC_BROKERS_KAFKA_JARS={kafka.jars()}", *python, HERE, "run-kafka-image"],
        "prometheus": debian("PROMETHEUS"),
        "alertmanager": debian("ALERTMANAGER"),
        "watch": [*python, ROOT / "tests" / "readers" / "watch.py"],
    }
    return {name: list(map(str, command)) for name, command in found.items() if command}


def debian(name):
    """A program of Debian's that may not be installed but unpacked: then it finds its own /usr/share there, in a mount
    namespace of its own."""
    program = os.environ.get(f"TENDLC_BROKERS_{name}")
    share = program and Path(program).parent.parent / "share"
    if not program or program.startswith("/usr/") or not (share / "prometheus").is_dir():
        return program and [program]
    alone = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        # Prometheus runs without as well, but has no pages; Alertmanager does not.
        return [program] if name == "PROMETHEUS" else None
    return [*alone, "sh", "-c", 'mount --bind "$0" /usr/share && exec setpriv --pdeathsig KILL "$@"', share, program]


class Stack:
    def __init__(self, told, found, directory, interval):
        self.composed, self.programs, self.directory = told, found, directory
        # Data comes and goes faster in tests than the dashboards need it.
        self.edit = lambda text: text.replace("_interval: 15s", f"_interval: {interval or '15s'}")
        self.running = {}

    def start(self):
        watched, demo = (self.composed.of_profile(profile) for profile in (None, "demo"))
        if absent := [name for name in watched + demo if not self.is_known(name) and name not in NEEDLESS]:
            banner(f"NOT RUN HERE, since they cannot be had: {', '.join(absent)}.")
            must_have(self.is_known)
        self.start_all(watched)
        for what, form, service, port in SHOWN:
            say(f"{what:14}{form.format(self.composed.address(service, port))}")
        say(f"{'directory':14}{self.directory}")
        say("Ctrl-C ends all of it and removes the directory. Events, as they come:")
        self.start_all(demo)

    def start_all(self, names):
        for name in names:
            self.start_one(name)
        for name in names:
            self.meet(name, "service_healthy")

    def start_one(self, name):
        if name in self.running or not self.is_known(name):
            return
        for other, condition in self.composed.needs(name).items():
            self.start_one(other)
            self.meet(other, condition)
        self.composed.prepare(name, self.edit)
        self.running[name] = children.start(
            self.native(self.command(name)), self.log(name), cwd=self.directory, env=self.environment(name)
        )

    def is_known(self, name):
        return self.command(name)[0] in self.programs

    def command(self, name):
        if name in INSTEAD:
            return [self.composed.told(name, one) for one in INSTEAD[name]]
        begin = [self.composed.told(name, one) for one in ENTRYPOINTS.get(name, ())]
        return [*begin, *self.composed.command(name)] or [name]

    def native(self, command):
        return [*self.programs[command[0]], *command[1:]]

    def environment(self, name):
        more = {key: self.composed.told(name, value) for key, value in ENVIRONMENT.get(name, {}).items()}
        inherited = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        return {**inherited, **self.composed.environment(name), **more}

    def log(self, name):
        return self.directory / f"{name}.log"

    def meet(self, name, condition):
        """Waits until the service is as another one needs it."""
        child = self.running.get(name)
        if not child:
            return
        if condition == "service_completed_successfully" and child.wait() != 0:
            raise RuntimeError(f"{name} ended with {child.returncode}:\n{ports.tail(self.log(name))}")
        if condition == "service_healthy" and self.composed.health(name):
            ports.wait(name, child, self.log(name), lambda: self.is_well(name))

    def is_well(self, name):
        """What the container's own health check asks."""
        program, *rest = self.composed.health(name)
        if program == "wget":
            return answers_http(rest[-1])
        if program.endswith("kafka-broker-api-versions.sh"):
            return ports.answers_kafka(int(rest[-1].split(":")[1]))
        asked = subprocess.run(self.native([program, *rest]), env=self.environment(name), capture_output=True)
        return asked.returncode == 0

    def watch(self):
        """Prints what the consumer prints, until somebody ends it, or something ends that should not."""
        with open(self.log("consumer")) as events:
            while True:
                for line in events:
                    print(line, end="", flush=True)
                for name, child in self.running.items():
                    if child.poll() is not None and self.composed.services[name].get("restart") != "no":
                        raise RuntimeError(f"{name} ended with {child.returncode}:\n{ports.tail(self.log(name))}")
                time.sleep(0.1)

    def end(self):
        """Ends it in the reverse order, each in the time that Compose gives it, and whatever is left at once; so does
        a second signal meanwhile."""
        try:
            say("Ending. What drains takes some seconds; a second Ctrl-C does it at once.")
            for name, child in reversed(self.running.items()):
                child.terminate()
                try:
                    child.wait(self.composed.patience(name))
                except subprocess.TimeoutExpired:
                    say(f"{name} had to be killed")
        finally:
            for one in SIGNALS:
                signal.signal(one, signal.SIG_IGN)
            children.kill_all()
            shutil.rmtree(self.directory, ignore_errors=True)


def answers_http(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def must_have(is_known):
    """Where CI=true, everything has to be there that packages have."""
    lacking = [name for name in ("kafka", "nats", "prometheus", "alertmanager") if not is_known(name)]
    if lacking and os.environ.get("CI") == "true":
        raise RuntimeError(f"CI=true and no {', '.join(lacking)}: run scripts/setup brokers and see why")


def banner(text):
    line = "#" * 70
    print(f"\n{line}\n##  {text}\n{line}\n", file=sys.stderr, flush=True)


def say(text):
    print(text, flush=True)
