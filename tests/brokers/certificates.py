"""A small certificate authority for the TLS listeners, and what a client must refuse: a stranger's
authority and an expired certificate. Made anew each time, with openssl."""

import subprocess

CONFIG = """\
[ca]
default_ca = authority
[authority]
database = {directory}/index.txt
new_certs_dir = {directory}/issued
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = unused
[authority_extensions]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server_extensions]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
[client_extensions]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


def make(directory):
    """Writes ca.pem, other-ca.pem, and server, expired, client and other-client (.pem, .key)."""
    (directory / "issued").mkdir(parents=True)
    (directory / "index.txt").touch()
    (directory / "openssl.cnf").write_text(CONFIG.format(directory=directory))
    authority(directory, "ca", "tendlc-relay test authority")
    authority(directory, "other-ca", "an unrelated authority")
    issue(directory, "ca", "server", "localhost", "server_extensions")
    issue(directory, "ca", "client", "relay", "client_extensions")
    issue(directory, "other-ca", "other-client", "relay", "client_extensions")
    issue(directory, "ca", "expired", "localhost", "server_extensions", "20200101000000Z", "20200201000000Z")
    for name in ("server", "expired"):
        # Kafka takes key and certificates from one file.
        both = (directory / f"{name}.key").read_text() + (directory / f"{name}.pem").read_text()
        (directory / f"{name}-keystore.pem").write_text(both)


def authority(directory, name, common_name):
    key(directory, name)
    openssl(
        directory, "req", "-new", "-x509", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", "30",
        "-subj", f"/CN={common_name}", "-config", "openssl.cnf", "-extensions", "authority_extensions",
    )  # fmt: skip


def issue(directory, issuer, name, common_name, extensions, start=None, end=None):
    key(directory, name)
    openssl(
        directory, "req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr",
        "-subj", f"/CN={common_name}", "-config", "openssl.cnf",
    )  # fmt: skip
    validity = ["-startdate", start, "-enddate", end] if start else ["-days", "30"]
    openssl(
        directory, "ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", f"{issuer}.pem",
        "-keyfile", f"{issuer}.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
        "-extensions", extensions, *validity,
    )  # fmt: skip


def key(directory, name):
    openssl(directory, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")


def openssl(directory, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr.strip()}")
