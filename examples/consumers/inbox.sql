-- What both consumers keep, in one database: an event's id and what it caused are written in one transaction.

PRAGMA journal_mode = WAL;
-- A commit is on disk before the broker is told that the event is done with.
PRAGMA synchronous = FULL;

-- Every id that came, and how often. It is handled the first time; later it changes nothing but its row here.
CREATE TABLE IF NOT EXISTS arrivals (
    id TEXT PRIMARY KEY,
    times INTEGER NOT NULL,
    superseded_by TEXT
) STRICT, WITHOUT ROWID;

-- The work of this example: what became of each entity, as it was learned. A real consumer sends mails, opens tickets.
CREATE TABLE IF NOT EXISTS history (
    number INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    subject TEXT,
    type TEXT NOT NULL,
    time TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    reason TEXT
) STRICT;

-- Where each entity stands.
CREATE TABLE IF NOT EXISTS entities (
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL,
    time TEXT NOT NULL,
    sequence TEXT NOT NULL,
    PRIMARY KEY (source, subject)
) STRICT, WITHOUT ROWID;

-- What is no event that this consumer understands: kept, since it must neither be lost nor hold up what comes after it.
CREATE TABLE IF NOT EXISTS unreadable (
    place TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
