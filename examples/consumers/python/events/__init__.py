"""The relay's events, schema version 1. The modules beside this one are generated: see ../generate."""

import json
from typing import TypeAlias, cast

from .brand import Brand
from .campaign import Campaign
from .number_linking import NumberLinking
from .number_unlinking import NumberUnlinking
from .unrecognized import Unrecognized

Event: TypeAlias = Brand | Campaign | NumberLinking | NumberUnlinking | Unrecognized


class Unreadable(Exception):
    """Not an event that this version understands."""


def parse(body: bytes) -> Event:
    """An event in structured mode. Fields that came later are left alone, and so are statuses and endpoints: version 1
    only grows."""
    try:
        event = json.loads(body)
        version = event["dataschema"].rsplit(":", 1)[1]
        known = event["specversion"] == "1.0" and isinstance(event["id"], str) and isinstance(event["data"], dict)
    except (ValueError, TypeError, LookupError, AttributeError) as why:
        raise Unreadable(f"no event in structured mode: {why!r}") from why
    if not known or version != "1":
        raise Unreadable(f"not of schema version 1: {event['dataschema']}")
    return cast(Event, event)
