//! Accounts: is there a live token for each, and who else can read it?

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::callback::{Account, Keyring};
use crate::config::{Config, Sources};
use crate::finding::Finding;

/// How many accounts are named.
const NAMED: usize = 10;

/// Every account was loaded with a token at least, or the configuration would be refused.
pub(super) fn look(config: &Config, keyring: &Keyring, sources: &Sources) -> Vec<Finding> {
    let mut found = Vec::new();
    if !keyring.is_empty() {
        found.push(Finding::ok(loaded(keyring)));
    }
    found.extend(keyring.iter().filter_map(shape));
    found.extend(config.secret_files(sources).iter().filter_map(|path| readable_by_others(path)));
    found
}

fn loaded(keyring: &Keyring) -> String {
    let tokens: usize = keyring.iter().map(Account::key_count).sum();
    let mut names: Vec<&str> = keyring.iter().take(NAMED).map(Account::name).collect();
    if keyring.len() > NAMED {
        names.push("…");
    }
    format!("accounts: {}, live tokens: {tokens} ({})", keyring.len(), names.join(", "))
}

/// Plivo's are 20 capitals and digits: MA… for a main account, SA… for a sub-account.
fn shape(account: &Account) -> Option<Finding> {
    let id = account.auth_id();
    let is_plivos = id.len() == 20
        && (id.starts_with("MA") || id.starts_with("SA"))
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (!is_plivos).then(|| {
        // The value may be a token that was taken for the id.
        Finding::note(format!("the auth_id of account {} does not look like one of Plivo's", account.name()))
            .with_next("compare it with the Plivo console: MA or SA and 18 capitals and digits")
    })
}

fn readable_by_others(path: &Path) -> Option<Finding> {
    let shown = path.display();
    let mode = match std::fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) => {
            let next = "correct the path, or let the relay's user read it";
            return Some(Finding::error(
                format!("{shown} holds secrets and cannot be looked at: {error}"),
                next,
            ));
        }
    };
    let found = format!("{shown} holds secrets and has mode {mode:o}");
    if mode & 0o007 != 0 {
        let next = format!("chmod o= {shown} (in Kubernetes defaultMode: 0440 of the volume)");
        return Some(Finding::warning(format!("{found}: every user of this machine can read it"), next));
    }
    (mode & 0o070 != 0).then(|| Finding::note(format!("{found}: its group can read it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn what_others_may_read_is_told_by_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "t0ken").unwrap();
        for (mode, level) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some(Level::Note)),
            (0o440, Some(Level::Note)),
            (0o644, Some(Level::Warning)),
            (0o602, Some(Level::Warning)),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(readable_by_others(&path).map(|found| found.level()), level, "{mode:o}");
        }
        let gone = readable_by_others(&dir.path().join("gone")).unwrap();
        assert_eq!(gone.level(), Level::Error);
    }

    #[test]
    fn an_id_that_is_none_of_plivos_is_told_without_it() {
        let account = |id: &str| Account::new("acme", id, ["t"], []).unwrap();
        for id in ["MAXXXXXXXXXXXXXXXXXX", "SAEXAMPLE00000000001"] {
            assert_eq!(shape(&account(id)), None, "{id}");
        }
        for id in ["MA1", "XXXXXXXXXXXXXXXXXXXX", "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"] {
            let found = shape(&account(id)).unwrap();
            assert!(found.level() == Level::Note && !found.found().contains(id), "{found:?}");
        }
    }

    #[test]
    fn a_thousand_accounts_are_counted() {
        let account =
            |n: usize| Account::new(&format!("a{n}"), &format!("MA{n}"), ["one", "two"], []).unwrap();
        let text = loaded(&Keyring::new((0..1_000).map(account)).unwrap());
        assert!(
            text.starts_with("accounts: 1000, live tokens: 2000 (a0, ") && text.ends_with(", …)"),
            "{text}"
        );
    }
}
