"""validate.py SCHEMAS: is every event on standard input valid, and does CloudEvents' own SDK load it?

Each line is an event in its structured form, or a record as read_kafka.py and read_nats.py print them
(structured or binary). SCHEMAS is a directory of JSON Schemas; an event is held against the one whose `$id`
is its `dataschema`. Prints one JSON line for each: {"ok": true, "id": …, "type": …, "mode": …} or
{"ok": false, "errors": […]}. Exit code 1 when any is invalid, or when there was none.
"""

import base64
import json
import sys
from pathlib import Path

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator


def main(directory):
    validators = load(directory)
    results = [check(json.loads(line), validators) for line in sys.stdin if line.strip()]
    for result in results:
        print(json.dumps(result))
    if not results:
        sys.exit("validate: no events on standard input")
    return not all(result["ok"] for result in results)


def load(directory):
    schemas = [json.loads(path.read_text()) for path in sorted(Path(directory).rglob("*.json"))]
    if not schemas:
        sys.exit(f"validate: no schemas in {directory}")
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
    return {schema["$id"]: Draft202012Validator(schema) for schema in schemas}


def check(line, validators):
    try:
        mode, event = understand(line)
        # As the SDK understood it, in the structured form.
        document = json.loads(JSONFormat().write(event))
    except Exception as error:  # whatever the SDK has against it
        return {"ok": False, "errors": [f"the CloudEvents SDK: {error!r}"]}
    validator = validators.get(document.get("dataschema"))
    if validator is None:
        return {"ok": False, "errors": [f"no schema has the $id '{document.get('dataschema')}'"]}
    held = [document] if mode == "binary" else [document, structured(line)]
    errors = [f"{error.json_path}: {error.message}" for one in held for error in validator.iter_errors(one)]
    if errors:
        return {"ok": False, "id": document["id"], "errors": errors}
    return {"ok": True, "id": document["id"], "type": document["type"], "mode": mode}


def understand(line):
    """The event, by the SDK's binding for the broker that a line came from."""
    if "specversion" in line:
        return "structured", JSONFormat().read(None, json.dumps(line))
    headers, body = line["headers"], base64.b64decode(line["body"])
    names = {name.lower() for name in headers}
    if line["key"] is not None or any(name.startswith("ce_") for name in names):
        raw = {name: value.encode() for name, value in headers.items()}
        mode = "binary" if any(name.startswith("ce_") for name in names) else "structured"
        return mode, kafka.from_kafka(kafka.KafkaMessage(raw, line["key"], body), JSONFormat())
    # The NATS binding writes headers as the HTTP binding does.
    mode = "binary" if any(name.startswith("ce-") for name in names) else "structured"
    return mode, http.from_http(http.HTTPMessage(headers, body), JSONFormat())


def structured(line):
    return line if "specversion" in line else line["value"]


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
