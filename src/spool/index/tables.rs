//! The three tables in which everything ends up.

use rusqlite::{Connection, OptionalExtension};

use super::super::decide::{Hash, Known, Seen, Standing};
use super::entries::{Latest, Signed, Stands};
use super::name_parts;
use crate::event::{Status, Timestamp};

/// What a signature came with first.
pub(super) fn signature(conn: &Connection, hash: &Hash) -> rusqlite::Result<Option<Known>> {
    conn.prepare_cached("SELECT fingerprint, occurrence FROM signatures WHERE hash = ?1")?
        .query_row([hash], |row| Ok(Known { fingerprint: row.get(0)?, occurrence: row.get(1)? }))
        .optional()
}

/// The latest occurrence of a content.
pub(super) fn fingerprint(conn: &Connection, fingerprint: &Hash) -> rusqlite::Result<Option<Seen>> {
    conn.prepare_cached("SELECT occurrence, accepted_at FROM fingerprints WHERE fingerprint = ?1")?
        .query_row([fingerprint], |row| {
            Ok(Seen { occurrence: row.get(0)?, accepted_at: Timestamp::from_millis(row.get(1)?) })
        })
        .optional()
}

/// Where an entity stands.
pub(super) fn standing(conn: &Connection, entity: &str) -> rusqlite::Result<Option<Standing>> {
    let row = conn
        .prepare_cached(
            "SELECT status, at FROM entities WHERE account = ?1 AND endpoint = ?2 AND entity = ?3",
        )?
        .query_row(name_parts(entity), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    // A word of a later version counts as a status outside the table.
    Ok(row.map(|(status, at)| Standing {
        status: status.parse().unwrap_or(Status::Unknown),
        at: Timestamp::from_millis(at),
    }))
}

/// Shows the ledger's next keys, at most `limit`; the last of them.
pub(super) fn signatures_after(
    conn: &Connection,
    after: &[u8],
    limit: usize,
    see: &mut dyn FnMut(&[u8]),
) -> rusqlite::Result<Option<Vec<u8>>> {
    hashes(conn, "SELECT hash FROM signatures WHERE hash > ?1 ORDER BY hash LIMIT ?2", after, limit, see)
}

/// Shows the next fingerprints, at most `limit`; the last of them.
pub(super) fn fingerprints_after(
    conn: &Connection,
    after: &[u8],
    limit: usize,
    see: &mut dyn FnMut(&[u8]),
) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT fingerprint FROM fingerprints WHERE fingerprint > ?1 ORDER BY fingerprint LIMIT ?2";
    hashes(conn, sql, after, limit, see)
}

fn hashes(
    conn: &Connection,
    sql: &str,
    after: &[u8],
    limit: usize,
    see: &mut dyn FnMut(&[u8]),
) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((after, limit))?;
    let mut last: Option<Vec<u8>> = None;
    while let Some(row) = rows.next()? {
        let hash = row.get_ref(0)?.as_blob().unwrap_or_default();
        see(hash);
        hash.clone_into(last.get_or_insert_default());
    }
    Ok(last)
}

/// Shows the next entities, as account, endpoint and id, at most `limit`; the last of them.
pub(super) fn entities_after(
    conn: &Connection,
    after: &[String; 3],
    limit: usize,
    see: &mut dyn FnMut([&str; 3]),
) -> rusqlite::Result<Option<[String; 3]>> {
    let sql = "SELECT account, endpoint, entity FROM entities WHERE (account, endpoint, entity) > (?1, ?2, ?3) \
        ORDER BY account, endpoint, entity LIMIT ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let [account, endpoint, id] = after;
    let mut rows = statement.query((account, endpoint, id, limit))?;
    let mut last: Option<[String; 3]> = None;
    while let Some(row) = rows.next()? {
        let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
        let entity = [text(0)?, text(1)?, text(2)?];
        see(entity);
        let last = last.get_or_insert_default();
        last.iter_mut().zip(entity).for_each(|(last, text)| text.clone_into(last));
    }
    Ok(last)
}

/// Enters signatures, in the order of their keys; a known one keeps what it came with first. How many there were.
pub(super) fn put_signatures(
    tx: &Connection,
    rows: impl IntoIterator<Item = (Hash, Signed)>,
) -> rusqlite::Result<usize> {
    let mut put =
        tx.prepare_cached("INSERT INTO signatures VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
    let mut count = 0;
    for (hash, Signed { known, first_seen }) in rows {
        put.execute((hash, known.fingerprint, known.occurrence, first_seen.as_millis()))?;
        count += 1;
    }
    Ok(count)
}

/// Enters the latest occurrences of contents. How many there were.
pub(super) fn put_fingerprints(
    tx: &Connection,
    rows: impl IntoIterator<Item = (Hash, Latest)>,
) -> rusqlite::Result<usize> {
    let mut put = tx.prepare_cached(
        "INSERT INTO fingerprints VALUES (?1, ?2, ?3, ?4) ON CONFLICT (fingerprint) DO UPDATE SET \
         occurrence = excluded.occurrence, accepted_at = excluded.accepted_at, sequence = excluded.sequence",
    )?;
    let mut count = 0;
    for (fingerprint, Latest { seen, sequence }) in rows {
        put.execute((fingerprint, seen.occurrence, seen.accepted_at.as_millis(), sequence))?;
        count += 1;
    }
    Ok(count)
}

/// Enters where entities stand. How many there were.
pub(super) fn put_standings<E: AsRef<str>>(
    tx: &Connection,
    rows: impl IntoIterator<Item = (E, Stands)>,
) -> rusqlite::Result<usize> {
    let mut put = tx.prepare_cached(
        "INSERT INTO entities VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (account, endpoint, entity) \
         DO UPDATE SET status = excluded.status, at = excluded.at, sequence = excluded.sequence",
    )?;
    let mut count = 0;
    for (entity, Stands { standing, sequence }) in rows {
        let [account, endpoint, id] = name_parts(entity.as_ref());
        put.execute((account, endpoint, id, standing.status.as_str(), standing.at.as_millis(), sequence))?;
        count += 1;
    }
    Ok(count)
}

/// Deletes where an entity stands, unless a record after `until` has moved it.
pub(super) fn delete_standing(tx: &Connection, entity: &str, until: u64) -> rusqlite::Result<()> {
    let [account, endpoint, id] = name_parts(entity);
    tx.prepare_cached(
        "DELETE FROM entities WHERE account = ?1 AND endpoint = ?2 AND entity = ?3 AND sequence <= ?4",
    )?
    .execute((account, endpoint, id, until))?;
    Ok(())
}
