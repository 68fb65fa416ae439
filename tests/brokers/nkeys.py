"""NATS keys and signed claims, enough of them to run a server with decentralized authentication and to
write a client's .creds file. Ed25519 is openssl's; the rest is encoding."""

import base64
import binascii
import json
import subprocess
import tempfile
import time
from pathlib import Path

SEED, OPERATOR, ACCOUNT, USER = 18 << 3, 14 << 3, 0, 20 << 3


class KeyPair:
    def __init__(self, kind):
        self.kind = kind
        self.pem = openssl("genpkey", "-algorithm", "ed25519")
        # The last 32 bytes of either DER form are the raw key.
        self.public_bytes = openssl("pkey", "-pubout", "-outform", "DER", given=self.pem)[-32:]
        self.seed_bytes = openssl("pkey", "-outform", "DER", given=self.pem)[-32:]

    @property
    def public(self):
        return encode(bytes([self.kind]) + self.public_bytes)

    @property
    def seed(self):
        return encode(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + self.seed_bytes)

    def sign(self, text):
        with tempfile.TemporaryDirectory() as directory:
            key, message = Path(directory, "key.pem"), Path(directory, "text")
            key.write_bytes(self.pem)
            message.write_text(text)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-in", str(message))


def claims(issuer, subject, name, kind, **details):
    """A JWT in which `issuer` vouches for `subject` (an operator, an account or a user)."""
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    body = {
        "jti": subject.public,
        "iat": int(time.time()) - 60,
        "iss": issuer.public,
        "sub": subject.public,
        "name": name,
        "nats": {"type": kind, "version": 2, **details},
    }
    text = ".".join(url64(json.dumps(part).encode()) for part in (head, body))
    return f"{text}.{url64(issuer.sign(text))}"


def credentials(jwt, user):
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


def encode(raw):
    check = binascii.crc_hqx(raw, 0).to_bytes(2, "little")  # CRC-16/XMODEM
    return base64.b32encode(raw + check).decode().rstrip("=")


def url64(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def openssl(*arguments, given=None):
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout
