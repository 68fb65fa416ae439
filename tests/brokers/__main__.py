"""Real brokers for the tests, on loopback ports the system chooses, with data in temporary directories.

scripts/brokers with COMMAND...        start the shared brokers, run COMMAND with their addresses in its
                                       environment, kill them and whatever it left behind; its exit code
scripts/brokers up | env | down        the same brokers, kept running for work by hand:
                                       eval "$(scripts/brokers env)" && cargo test kafka
scripts/brokers run-kafka DIR PORT     one Kafka broker of a test's own, in the foreground, in this very
                                       process: kill, stop and start it at will; DIR keeps its data
scripts/brokers run-kafka DIR PORT CLIENTS ADVERTISED
                                       the same with a second listener, at the port CLIENTS, that demands
                                       SCRAM and tells clients to come by ADVERTISED, where a proxy listens
scripts/brokers run-kafka-second DIR PORT FIRST
                                       another broker of the cluster whose first one is in FIRST and runs
scripts/brokers run-kafka-member DIR PORT NUMBER CONTROLLER...
                                       broker NUMBER (from 1 on) of a cluster of as many as there are ports
                                       for controllers: each is both, and any may be killed
scripts/brokers run-kafka-image FILE DIR
                                       what Apache's image does with the configuration that is mounted as
                                       FILE, and with DIR in the place of /opt/kafka/config
scripts/brokers run-nats DIR PORT      the same with a NATS server (JetStream), whose configuration
                                       includes DIR/more.conf
scripts/brokers free-port              a free port outside the range the system gives to clients, for
                                       a broker that has to come back on the same one
scripts/brokers stack PROGRAMS [--free-ports] [--interval=1s]
                                       what docker-compose.yml starts with its profile `demo`, as plain
                                       processes, until it is ended; PROGRAMS is the directory of the relay's
                                       own. Ports are those that Compose publishes, where they are free
scripts/brokers archive                once after the install: lets Kafka start in half the time

The addresses, certificates and passwords are environment variables that begin with TENDLC_TEST_;
`scripts/brokers env` prints them all. A variable that is empty names something that could not be had.
"""

import sys
from pathlib import Path

import kafka
import nats
import ports
import shared


def main(arguments):
    match arguments:
        case ["with", *command] if command:
            return shared.run_with(command[1:] if command[0] == "--" else command)
        case ["up"]:
            return shared.up()
        case ["env"]:
            return shared.print_environment()
        case ["down"]:
            return shared.down()
        case ["run-kafka", directory, port]:
            kafka.execute(Path(directory), int(port))
        case ["run-kafka", directory, port, *behind] if len(behind) == 2:
            kafka.execute(Path(directory), int(port), behind)
        case ["run-kafka-second", directory, port, first]:
            kafka.execute_second(Path(directory), int(port), Path(first))
        case ["run-kafka-member", directory, port, number, *controllers] if controllers:
            kafka.execute_member(Path(directory), int(port), int(number), controllers)
        case ["run-nats", directory, port]:
            nats.execute(Path(directory), int(port))
        case ["run-kafka-image", mounted, final]:
            kafka.execute_image(Path(mounted), Path(final))
        case ["stack", built, *options]:
            # It needs the YAML of the tests' Python.
            import stack

            given = dict((one.removeprefix("--").replace("-", "_") + "=").split("=")[:2] for one in options)
            return stack.run(built, "free_ports" in given, given.get("interval"))
        case ["archive"]:
            kafka.archive()
        case ["free-port"]:
            print(ports.lasting())
        case _:
            print(__doc__.strip(), file=sys.stderr)
            return 0 if arguments in (["help"], ["--help"], ["-h"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
