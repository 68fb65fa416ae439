"""NATS servers: one plain, and one for each way to be let in."""

import os
import secrets
from pathlib import Path

import children
import nkeys
import ports

# As in production: acknowledged means synced.
JETSTREAM = """\
jetstream {{
  store_dir: "{directory}"
  sync_interval: always
  max_file_store: 4GB
  max_memory_store: 64MB
}}
"""

TLS = """\
tls {{
  cert_file: "{certificates}/{certificate}.pem"
  key_file: "{certificates}/{certificate}.key"
  ca_file: "{certificates}/ca.pem"
  verify: {verify}
  timeout: 5
}}
"""


def server():
    """The server's program, or None where there is none."""
    return os.environ.get("TENDLC_BROKERS_NATS_SERVER") or None


def execute(directory, port):
    """Becomes a NATS server, whose configuration includes the file more.conf."""
    program = server() or exit("error: no NATS server; run scripts/setup brokers")
    config = write(directory.resolve(), f"server-{port}", port, 'include "more.conf"\n')
    more = config.with_name("more.conf")
    if not more.exists():
        more.write_text("logtime: true\n")  # an empty file is refused
    os.execv(program, [program, "-c", str(config)])


def start(directory, certificates):
    """Starts the shared servers; answers the environment that tests find them by."""
    directory.mkdir()
    password, token = secrets.token_hex(12), secrets.token_hex(12)
    user = nkeys.KeyPair(nkeys.USER)
    (directory / "user.nk").write_text(user.seed + "\n")
    users = (
        f'authorization {{\n  users: [\n    {{ user: relay, password: "{password}" }}\n'
        f"    {{ nkey: {user.public} }}\n  ]\n}}\n"
    )
    plans = {
        "plain": "",
        "tls": tls(certificates) + users,
        "token": tls(certificates) + f'authorization {{ token: "{token}" }}\n',
        "creds": tls(certificates) + operator(directory),
        "mtls": tls(certificates, verify="true"),
        "expired": tls(certificates, "expired"),
    }
    addresses = dict(zip(plans, ports.free(len(plans))))
    running = {}
    for name, port in addresses.items():
        config = write(directory / name, name, port, plans[name])
        running[name] = children.start([server(), "-c", str(config)], directory / f"{name}.log")
    for name, port in addresses.items():
        log = directory / f"{name}.log"
        ports.wait(f"the NATS server '{name}'", running[name], log, lambda: ports.answers_tcp(port))
    url = {name: f"{'nats' if name == 'plain' else 'tls'}://127.0.0.1:{port}" for name, port in addresses.items()}
    return {
        "TENDLC_TEST_NATS_URL": url["plain"],
        "TENDLC_TEST_NATS_TLS_URL": url["tls"],
        "TENDLC_TEST_NATS_USER": "relay",
        "TENDLC_TEST_NATS_PASSWORD": password,
        "TENDLC_TEST_NATS_NKEY": str(directory / "user.nk"),
        "TENDLC_TEST_NATS_TOKEN_URL": url["token"],
        "TENDLC_TEST_NATS_TOKEN": token,
        "TENDLC_TEST_NATS_CREDS_URL": url["creds"],
        "TENDLC_TEST_NATS_CREDS": str(directory / "relay.creds"),
        "TENDLC_TEST_NATS_MTLS_URL": url["mtls"],
        "TENDLC_TEST_NATS_TLS_EXPIRED_URL": url["expired"],
    }


def tls(certificates, certificate="server", verify="false"):
    return TLS.format(certificates=certificates, certificate=certificate, verify=verify)


def operator(directory):
    """An operator, an account with JetStream and a user in it, whose credentials it writes."""
    kinds = nkeys.OPERATOR, nkeys.ACCOUNT, nkeys.ACCOUNT, nkeys.USER
    top, system, account, user = (nkeys.KeyPair(kind) for kind in kinds)
    endless = {name: -1 for name in (
        "subs", "data", "payload", "imports", "exports", "conn", "leaf",
        "mem_storage", "disk_storage", "streams", "consumer",
    )}  # fmt: skip
    trust = nkeys.claims(top, top, "test", "operator")
    # JetStream does not start without a system account.
    inner = nkeys.claims(top, system, "system", "account", limits={"subs": -1, "data": -1, "payload": -1, "conn": -1})
    belongs = nkeys.claims(top, account, "relay", "account", limits={**endless, "wildcards": True})
    member = nkeys.claims(account, user, "relay", "user", subs=-1, data=-1, payload=-1)
    (directory / "relay.creds").write_text(nkeys.credentials(member, user))
    return (
        f"operator: {trust}\nsystem_account: {system.public}\nresolver: MEMORY\n"
        f"resolver_preload {{\n  {system.public}: {inner}\n  {account.public}: {belongs}\n}}\n"
    )


def write(directory, name, port, more=""):
    directory.mkdir(parents=True, exist_ok=True)
    config = Path(directory, "nats.conf")
    head = f'server_name: "test-{name}"\nlisten: "127.0.0.1:{port}"\nmax_payload: 1MB\n'
    config.write_text(head + JETSTREAM.format(directory=directory / "data") + more)
    return config
