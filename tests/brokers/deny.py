"""deny.py SERVERS USER: lets everyone do everything on every topic, but forbids USER to write to any.
Run by the Python environment of the readers: it needs confluent-kafka."""

import sys

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)


def rule(principal, operation, permission):
    return AclBinding(ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, principal, "*", operation, permission)


servers, user = sys.argv[1:]
rules = [
    rule("User:*", AclOperation.ALL, AclPermissionType.ALLOW),
    rule(f"User:{user}", AclOperation.WRITE, AclPermissionType.DENY),
]
admin = AdminClient({"bootstrap.servers": servers})
for done in admin.create_acls(rules, request_timeout=30).values():
    done.result()
