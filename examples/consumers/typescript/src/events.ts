// The relay's events, schema version 1. The types beside this file are generated: npm run generate.

import type { Plivo10DlcBrand } from "./generated/brand.ts";
import type { Plivo10DlcCampaign } from "./generated/campaign.ts";
import type { Plivo10DlcNumberLinking } from "./generated/number_linking.ts";
import type { Plivo10DlcNumberUnlinking } from "./generated/number_unlinking.ts";
import type { Plivo10DlcUnrecognized } from "./generated/unrecognized.ts";

export type Event =
  | Plivo10DlcBrand
  | Plivo10DlcCampaign
  | Plivo10DlcNumberLinking
  | Plivo10DlcNumberUnlinking
  | Plivo10DlcUnrecognized;

/** Not an event that this version understands. */
export class Unreadable extends Error {}

/**
 * An event in structured mode. Fields that came later are left alone, and so are statuses and endpoints: version 1 only
 * grows.
 */
export function parse(body: Uint8Array): Event {
  let event: Partial<Event> | null;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (why) {
    throw new Unreadable(`no event in structured mode: ${why}`);
  }
  const isEvent = event?.specversion === "1.0" && typeof event.id === "string" && event.data instanceof Object;
  if (!isEvent || String(event?.dataschema).split(":").at(-1) !== "1") {
    throw new Unreadable(`not of schema version 1: ${event?.dataschema}`);
  }
  return event as Event;
}
