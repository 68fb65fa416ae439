"""Handles events once each, however often they come."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from events import Event, Unreadable, parse

TABLES = Path(__file__).parent.parent / "inbox.sql"


class Inbox:
    """An event's id and what it caused are committed together: either both are there or neither is."""

    def __init__(self, database: str) -> None:
        self.connection = sqlite3.connect(database, timeout=30, isolation_level=None)
        self.connection.executescript(TABLES.read_text())

    def handle(self, batch: Iterable[tuple[str, bytes]]) -> None:
        """Handles what came, each with the place that it came from. When this returns, the disk has it."""
        with Transaction(self.connection):
            for place, body in batch:
                try:
                    event = parse(body)
                except Unreadable as why:
                    sql = "INSERT INTO unreadable VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                    self.connection.execute(sql, (place, str(why), body))
                else:
                    self.handle_event(event)

    def handle_event(self, event: Event) -> None:
        if replaced := event["data"].get("supersedes"):
            self.undo(replaced, event["id"])
        if self.is_new(event["id"]):
            self.work(event)

    def is_new(self, id: str) -> bool:
        sql = """
            INSERT INTO arrivals VALUES (?, 1, NULL) ON CONFLICT DO UPDATE SET times = times + 1
            RETURNING times, superseded_by"""
        times, superseded_by = self.connection.execute(sql, (id,)).fetchone()
        return bool(times == 1 and superseded_by is None)

    def undo(self, replaced: str, by: str) -> None:
        """A revision replaces an event, and may come before it."""
        sql = "INSERT INTO arrivals VALUES (?, 0, ?) ON CONFLICT DO UPDATE SET superseded_by = excluded.superseded_by"
        self.connection.execute(sql, (replaced, by))
        self.connection.execute("DELETE FROM history WHERE event = ?", (replaced,))

    def work(self, event: Event) -> None:
        """What this consumer is there for. It is called once for each event; a genuine repeat is an event of its own,
        whose `occurrence` says how many there were before."""
        data = event["data"]
        row = (event["id"], event.get("subject"), event["type"], event["time"], data["occurrence"], data.get("reason"))
        sql = "INSERT INTO history (event, subject, type, time, occurrence, reason) VALUES (?, ?, ?, ?, ?, ?)"
        self.connection.execute(sql, row)
        self.advance(event)

    def advance(self, event: Event) -> None:
        """Events of an entity come in order, but for replays, requeued dead letters and revisions: an older one does not
        turn back what a newer one said. Neither does Plivo's late retry of an earlier status."""
        if event["type"] == "com.plivo.10dlc.unrecognized" or event["data"].get("transition") == "regressed":
            return
        subject, status = event.get("subject"), event["data"].get("status")
        if subject is None or status is None:
            return
        row = (event["source"], subject, status, event["time"], event["sequence"])
        sql = """
            INSERT INTO entities VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET status = excluded.status, time = excluded.time, sequence = excluded.sequence
            WHERE (excluded.time, excluded.sequence) > (time, sequence)"""
        self.connection.execute(sql, row)

    def close(self) -> None:
        self.connection.close()


class Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self.connection.execute("ROLLBACK" if kind else "COMMIT")
