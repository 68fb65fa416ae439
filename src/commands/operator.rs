//! Who sits at the keyboard.

use crate::spool::Operator;

/// The user of this process.
pub(super) fn current() -> Operator {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Operator {
        uid,
        user: name(&users, uid).map(str::to_owned),
        login: std::env::var("SUDO_USER").ok().filter(|login| !login.is_empty()),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// The name of a user, from the lines of `/etc/passwd`.
fn name(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_none() {
        let users = "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:7:7::/:\nrelay:x:998:998::/:/sbin/nologin\n";
        assert_eq!(name(users, 998), Some("relay"));
        assert_eq!(name(users, 0), Some("root"));
        for nobody in [7, 4711] {
            assert_eq!(name(users, nobody), None);
        }
    }
}
