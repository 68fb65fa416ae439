// generate.ts SCHEMAS DIRECTORY: makes the types from the relay's JSON Schemas.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compileFromFile } from "json-schema-to-typescript";

const [schemas, directory] = process.argv.slice(2);
if (schemas === undefined || directory === undefined) {
  throw new Error("usage: generate.ts SCHEMAS DIRECTORY");
}
await mkdir(directory, { recursive: true });
for (const name of (await readdir(schemas)).filter((name) => name.endsWith(".v1.json"))) {
  const types = await compileFromFile(join(schemas, name), { additionalProperties: false });
  await writeFile(join(directory, name.replace(".v1.json", ".ts")), types);
}
