// Handles events once each, however often they come.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

import { type Event, Unreadable, parse } from "./events.ts";

const TABLES = new URL("../../inbox.sql", import.meta.url);

/** An event's id and what it caused are committed together: either both are there or neither is. */
export class Inbox {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 30_000 });
    this.#database.exec(readFileSync(TABLES, "utf8"));
  }

  /** Handles what came from `place`. When this returns, the disk has it. */
  handle(place: string, body: Uint8Array): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      this.#handle(place, body);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #handle(place: string, body: Uint8Array): void {
    let event: Event;
    try {
      event = parse(body);
    } catch (why) {
      if (!(why instanceof Unreadable)) throw why;
      this.#run("INSERT INTO unreadable VALUES (?, ?, ?) ON CONFLICT DO NOTHING", place, why.message, body);
      return;
    }
    if (event.data.supersedes !== undefined) {
      this.#undo(event.data.supersedes, event.id);
    }
    if (this.#isNew(event.id)) {
      this.#work(event);
    }
  }

  #isNew(id: string): boolean {
    const sql = `
      INSERT INTO arrivals VALUES (?, 1, NULL) ON CONFLICT DO UPDATE SET times = times + 1
      RETURNING times, superseded_by`;
    const arrival = this.#database.prepare(sql).get(id);
    return arrival?.times === 1 && arrival.superseded_by === null;
  }

  /** A revision replaces an event, and may come before it. */
  #undo(replaced: string, by: string): void {
    const sql = "INSERT INTO arrivals VALUES (?, 0, ?) ON CONFLICT DO UPDATE SET superseded_by = excluded.superseded_by";
    this.#run(sql, replaced, by);
    this.#run("DELETE FROM history WHERE event = ?", replaced);
  }

  /**
   * What this consumer is there for. It is called once for each event; a genuine repeat is an event of its own, whose
   * `occurrence` says how many there were before.
   */
  #work(event: Event): void {
    const subject = "subject" in event ? (event.subject ?? null) : null;
    const { occurrence, reason } = event.data;
    const sql = "INSERT INTO history (event, subject, type, time, occurrence, reason) VALUES (?, ?, ?, ?, ?, ?)";
    this.#run(sql, event.id, subject, event.type, event.time, occurrence, reason ?? null);
    this.#advance(event);
  }

  /**
   * Events of an entity come in order, but for replays, requeued dead letters and revisions: an older one does not turn
   * back what a newer one said. Neither does Plivo's late retry of an earlier status.
   */
  #advance(event: Event): void {
    if (event.type === "com.plivo.10dlc.unrecognized" || event.data.transition === "regressed") return;
    if (event.subject === undefined || event.data.status === undefined) return;
    const sql = `
      INSERT INTO entities VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET status = excluded.status, time = excluded.time, sequence = excluded.sequence
      WHERE (excluded.time, excluded.sequence) > (time, sequence)`;
    this.#run(sql, event.source, event.subject, event.data.status, event.time, event.sequence);
  }

  #run(sql: string, ...values: (string | number | Uint8Array | null)[]): void {
    this.#database.prepare(sql).run(...values);
  }

  close(): void {
    this.#database.close();
  }
}
