//! The files that somebody could read a token or a password from.

use std::path::{Path, PathBuf};

use super::accounts::account_files;
use super::tree::{Node, Value, read_file};
use super::{Config, Sources};

/// Keys whose values are secrets, wherever they stand.
const SECRETS: [&str; 6] = ["tokens", "main_tokens", "password", "key_password", "token", "nkey"];

impl Config {
    /// Every file that holds a secret of this configuration: the main file where a secret stands in it, the accounts'
    /// files, token files, and those of the sinks.
    pub fn secret_files(&self, sources: &Sources) -> Vec<PathBuf> {
        let main = sources.file().filter(|path| holds_secret(path)).map(Path::to_owned);
        let of_dir = self.accounts_dir.iter().filter_map(|dir| account_files(dir).ok());
        let of_accounts = self
            .accounts
            .values()
            .flat_map(|account| [&account.tokens_file, &account.main_tokens_file])
            .flatten()
            .cloned();
        let of_sinks = self.sinks.values().flat_map(|sink| sink.secret_files()).cloned();
        let mut files: Vec<PathBuf> = main
            .into_iter()
            .chain(of_dir.flat_map(std::collections::BTreeMap::into_values).filter(|path| holds_secret(path)))
            .chain(of_accounts)
            .chain(of_sinks)
            .collect();
        let mut seen = std::collections::HashSet::new();
        files.retain(|path| seen.insert(path.clone()));
        files
    }
}

fn holds_secret(path: &Path) -> bool {
    read_file(path).is_ok_and(|tree| is_secret("", &tree))
}

fn is_secret(key: &str, node: &Node) -> bool {
    match &node.value {
        Value::Table(entries) => entries.iter().any(|(key, node)| is_secret(key, node)),
        Value::List(items) => items.iter().any(|item| is_secret(key, item)),
        Value::Leaf(toml::Value::String(text)) => SECRETS.contains(&key) && !text.is_empty(),
        Value::Leaf(_) | Value::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn files_with_secrets_are_found_wherever_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let token = write("token", "t0ken\n");
        let member = write("accounts/acme.toml", "auth_id = \"MA1\"\ntokens = [\"t0ken\"]\n");
        write("accounts/by_file.toml", &format!("auth_id = \"MA2\"\ntokens_file = {token:?}\n"));
        let main = |sasl: &str| {
            let text = format!(
                "accounts_dir = {:?}\n[sinks.k]\ntype = \"kafka\"\nservers = [\"k:1\"]\n[sinks.k.sasl]\n\
                 mechanism = \"PLAIN\"\nusername = \"u\"\n{sasl}\n",
                dir.path().join("accounts")
            );
            let sources = Sources::new(Some(write("relay.toml", &text)), Environment::default());
            Config::load_beside(&sources).unwrap().secret_files(&sources)
        };
        let password = write("password", "hunter2");
        assert_eq!(main(&format!("password_file = {password:?}")), [member.clone(), token.clone(), password]);
        assert_eq!(main("password = \"hunter2\""), [dir.path().join("relay.toml"), member, token]);
    }
}
