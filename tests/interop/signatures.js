// Signatures by the functions of Plivo's Node SDK, for each JSON document on standard input.
//
// signatures.js validate    {method, url, params, nonce, token, v2, v3}      prints {"v2": true or false, "v3": …}
"use strict";

const plivo = require("plivo");

const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
for (const line of lines) {
  const { method, url, params, nonce, token, v2, v3 } = JSON.parse(line);
  console.log(JSON.stringify({
    v2: plivo.validateSignature(url, nonce, v2, token),
    v3: plivo.validateV3Signature(method, url, nonce, token, v3, params),
  }));
}
