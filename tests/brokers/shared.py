"""The brokers that all tests share: started together, found by environment variables, certainly ended."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import certificates
import children
import kafka
import nats

ROOT = Path(__file__).resolve().parent.parent.parent
# Where scripts/setup put what else the tests run: handed on to them under their names for it.
HANDED_ON = (
    *("SDK_PYTHON", "SDK_NODE", "SDK_NODE_PATH"),
    *("ASYNCAPI_NODE", "ASYNCAPI_NODE_PATH", "CONSUMERS_PYTHON", "CONSUMERS_NODE", "CONSUMERS_NODE_MODULES"),
    *("HAPROXY", "NGINX", "CADDY", "PROMETHEUS", "PROMTOOL", "ALERTMANAGER", "HELM", "CHART_PYTHON"),
)
STATE = Path(os.environ.get("TENDLC_BROKERS_STATE", ROOT / ".cache" / "brokers"))


def run_with(command):
    """Runs `command` beside the brokers. SIGTERM and SIGHUP are passed on to it; a terminal's Ctrl-C
    reaches it anyway. Whatever it leaves behind is killed."""
    children.adopt_orphans()
    with Brokers() as environment:
        child = subprocess.Popen(command, env={**os.environ, **environment}, preexec_fn=children.die_with_parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for one in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, lambda number, _: child.send_signal(number))
        code = child.wait()
        return code if code >= 0 else 128 - code


def up():
    """Starts the brokers and leaves them to a process in the background."""
    if running():
        return say("brokers are up already; scripts/brokers down ends them")
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True)
    if os.fork() == 0:
        os.setsid()
        with open(STATE / "log", "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os._exit(keep())
    while not (STATE / "env").exists():
        if (STATE / "failed").exists():
            sys.exit((STATE / "log").read_text())
        time.sleep(0.1)
    sys.stderr.write((STATE / "log").read_text())
    say('brokers are up. In a shell: eval "$(scripts/brokers env)", then cargo test; scripts/brokers down ends them')


def keep():
    """The process in the background: holds the brokers until it is told to end."""
    try:
        children.adopt_orphans()
        (STATE / "pid").write_text(f"{os.getpid()} {started(os.getpid())}")
        with Brokers() as environment:
            lines = "".join(f"{key}={value}\n" for key, value in environment.items())
            (STATE / "env.new").write_text(lines)
            (STATE / "env.new").rename(STATE / "env")
            while True:
                signal.pause()
    except SystemExit:
        return 0
    except BaseException as error:
        print(f"error: {error}", flush=True)
        (STATE / "failed").touch()
        return 1


def down():
    if pid := running():
        os.kill(pid, signal.SIGTERM)
        while running():
            time.sleep(0.05)
    shutil.rmtree(STATE, ignore_errors=True)


def print_environment():
    if not running():
        sys.exit("error: no brokers are up; run scripts/brokers up")
    for line in (STATE / "env").read_text().splitlines():
        key, value = line.split("=", 1)
        print(f"export {key}={shlex.quote(value)}")


def running():
    """The background process, if it lives: its number and the time it started (numbers come again)."""
    try:
        pid, since = (STATE / "pid").read_text().split()
        return int(pid) if started(int(pid)) == since else None
    except (OSError, ValueError):
        return None


def started(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


class Brokers:
    """On entry the brokers run; on exit they, and every other descendant of this process, are gone."""

    def __enter__(self):
        # A signal while starting must clean up as well.
        for one in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, lambda number, _: sys.exit(128 + number))
        self.directory = Path(tempfile.mkdtemp(prefix="tendlc-brokers-"))
        try:
            environment = self.start()
        except BaseException:
            self.__exit__()
            raise
        return environment

    def start(self):
        began = time.monotonic()
        python = os.environ["TENDLC_BROKERS_PYTHON"]
        safe = self.directory / "certificates"
        certificates.make(safe)
        environment = {
            "TENDLC_TEST_PYTHON": python,
            "TENDLC_TEST_CERTS": str(safe),
            "TENDLC_TEST_BROKERS": str(ROOT / "scripts" / "brokers"),
            "TENDLC_TEST_NATS_BIN": nats.server() or "",
            "TENDLC_TEST_KAFKA_JARS": str(kafka.jars() or ""),
            **{f"TENDLC_TEST_{name}": os.environ.get(f"TENDLC_BROKERS_{name}", "") for name in HANDED_ON},
        }
        if nats.server():
            environment |= nats.start(self.directory / "nats", safe)
        else:
            missing("NATS", "TENDLC_TEST_NATS_URL")
            environment["TENDLC_TEST_NATS_URL"] = ""
        if kafka.jars():
            environment |= kafka.start(self.directory / "kafka", safe, python)
        else:
            missing("KAFKA", "TENDLC_TEST_KAFKA")
            environment["TENDLC_TEST_KAFKA"] = ""
        say(f"brokers took {time.monotonic() - began:.1f} s to start")
        return environment

    def __exit__(self, *_):
        children.kill_all()
        shutil.rmtree(self.directory, ignore_errors=True)


def missing(name, variable):
    line = "#" * 70
    say(f"\n{line}\n##  NO REAL {name} HERE: the tests that need it DO NOT RUN ({variable} is empty).\n{line}\n")
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"CI=true and no real {name}: run scripts/setup brokers and see why")


def say(text):
    print(text, file=sys.stderr, flush=True)
