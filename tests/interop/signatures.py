"""Signatures by the functions of Plivo's Python SDK, for each JSON document on standard input.

signatures.py sign        {method, url, params, nonce, token}           prints {"v3": …}
signatures.py validate    the same, with v2 and v3                      prints {"v2": true or false, "v3": …}
"""

import json
import sys

from plivo.utils import validate_signature
from plivo.utils.signature_v3 import construct_get_url, construct_post_url, get_signature_v3, validate_v3_signature


def sign(case):
    make = construct_get_url if case["method"] == "GET" else construct_post_url
    text = make(case["url"], dict(case["params"])).decode("utf-8")
    return {"v3": get_signature_v3(case["token"].encode(), text, case["nonce"]).decode()}


def validate(case):
    of = case["method"], case["url"], case["nonce"], case["token"], case["v3"], dict(case["params"])
    return {
        "v2": validate_signature(case["url"], case["nonce"], case["v2"], case["token"]),
        "v3": validate_v3_signature(*of),
    }


if __name__ == "__main__":
    answer = {"sign": sign, "validate": validate}[sys.argv[1]]
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))))
