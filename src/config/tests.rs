use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::units::Size;

/// What every working configuration needs.
const NEEDED: [(&str, &str); 3] = [
    ("PLIVO_AUTH_ID", "MADEFAULT"),
    ("PLIVO_AUTH_TOKEN", "token0"),
    ("TENDLC_INGRESS__PUBLIC_URLS", "https://relay.example.com"),
];

/// The same in a file, with an account `acme`.
const FILE: &str = "[ingress]\npublic_urls = [\"https://relay.example.com\"]\n\
                    [accounts.acme]\nauth_id = \"MAACME\"\ntokens = [\"token1\"]\n";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Loads `text` as the main file.
    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
        let file = self.write("relay.toml", text);
        load(Some(&file), variables)
    }
}

fn load(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let sources = Sources::new(file.map(Path::to_owned), variables.iter().copied().collect());
    Config::load(sources).map_err(|problems| problems.to_string())
}

fn with_needed(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    NEEDED.iter().chain(more).copied().collect()
}

#[test]
fn plivos_two_variables_and_the_public_url_suffice() {
    let loaded = load(None, &NEEDED).unwrap();
    assert_eq!(loaded.keyring.get("default").unwrap().auth_id(), "MADEFAULT");
    assert_eq!(loaded.config.sinks.keys().collect::<Vec<_>>(), ["files"]);
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_default() {
    let place = Place::new();
    let text = format!("{FILE}[spool]\nmax_size = \"2GiB\"\nretention = \"1d\"\n");
    let loaded = place.load(&text, &[("TENDLC_SPOOL__MAX_SIZE", "3GiB")]).unwrap();
    assert_eq!(loaded.config.spool.max_size, Size::from_gib(3));
    assert_eq!(loaded.config.spool.retention.to_string(), "1d");
    assert_eq!(loaded.config.spool.queue, SpoolConfig::default().queue);
    let loaded = place.load(&text, &[("TENDLC_ACCOUNTS__ACME__TOKENS", "a,b")]).unwrap();
    assert_eq!(loaded.keyring.get("acme").unwrap().key_count(), 2);
}

#[test]
fn a_default_sink_stands_until_other_sinks_are_named() {
    let names = |loaded: Loaded| loaded.config.sinks.into_keys().collect::<Vec<_>>();
    let place = Place::new();
    assert_eq!(names(place.load(FILE, &[]).unwrap()), ["files"]);
    let own = format!("{FILE}[sinks.mine]\ntype = \"file\"\ndir = \"/d\"\n");
    assert_eq!(names(place.load(&own, &[]).unwrap()), ["mine"]);
    let variables = [("TENDLC_SINKS__MINE__TYPE", "file"), ("TENDLC_SINKS__MINE__DIR", "/d")];
    assert_eq!(names(load(None, &with_needed(&variables)).unwrap()), ["mine"]);
    assert_eq!(names(place.load(FILE, &variables).unwrap()), ["mine"]);
    let moved = load(None, &with_needed(&[("TENDLC_SINKS__FILES__DIR", "/elsewhere")])).unwrap();
    assert!(moved.config.to_toml().unwrap().contains("dir = \"/elsewhere\""));
}

#[test]
fn texts_reach_the_keys_of_a_sink_whatever_its_kind() {
    let variables = [("TENDLC_SINKS__FILES__WINDOW", "7"), ("TENDLC_SINKS__FILES__REQUIRED", "false")];
    let text = load(None, &with_needed(&variables)).unwrap().config.to_toml().unwrap();
    assert!(text.contains("window = 7") && text.contains("required = false"), "{text}");
}

#[test]
fn without_a_token_it_does_not_start() {
    let error = load(None, &[("TENDLC_INGRESS__PUBLIC_URLS", "https://a.example")]).unwrap_err();
    assert!(error.contains("no account is configured") && error.contains("PLIVO_AUTH_ID"), "{error}");
    assert!(load(None, &[("TENDLC_INGRESS__VERIFICATION", "off")]).is_ok(), "off has to be written out");
}

#[test]
fn everything_wrong_comes_at_once_with_file_or_variable_and_key() {
    let place = Place::new();
    let text = format!(
        "{FILE}[accounts.bad]\nauth_id = \"MA2\"\ntokens_flie = \"x\"\n[spool]\nmax_size = \"ten\"\nreserv = 1\n\
         [sinks.files]\ntype = \"fil\"\n[ingrses]\n"
    );
    let error = place.load(&text, &[("TENDLC_LOG__LEVEL", "loud"), ("TENDLC_ADMIN__PORT", "1")]).unwrap_err();
    let file = place.path("relay.toml");
    let file = file.display();
    for expected in [
        format!("{file}: accounts.bad.tokens_flie: unknown key: did you mean `tokens_file`?"),
        format!("{file}: spool.max_size: \"ten\" is not a size: accepted are an integer"),
        format!("{file}: spool.reserv: unknown key: did you mean `reserve`?"),
        format!("{file}: sinks.files.type: \"fil\" is not accepted: did you mean `file`?"),
        format!("{file}: ingrses: unknown key: did you mean `ingress`?"),
        "environment variable TENDLC_ADMIN__PORT: admin.port: unknown key: accepted are listen".to_owned(),
        "environment variable TENDLC_LOG__LEVEL: log.level: \"loud\" is not a level".to_owned(),
    ] {
        assert!(error.contains(&expected), "{expected}\nis not in\n{error}");
    }
}

#[test]
fn impossible_values_lead_to_where_they_stand() {
    let place = Place::new();
    let text = format!("{FILE}[sinks.files]\ntype = \"file\"\ndir = \"/d\"\nwindow = 0\n");
    let error = place.load(&text, &[("TENDLC_SPOOL__QUEUE", "0")]).unwrap_err();
    assert!(error.contains("relay.toml: sinks.files.window: accepted are 1 to"), "{error}");
    assert!(error.contains("environment variable TENDLC_SPOOL__QUEUE: spool.queue: accepted is"), "{error}");
}

#[test]
fn files_that_are_missing_are_named() {
    let place = Place::new();
    let error = load(Some(&place.path("none.toml")), &[]).unwrap_err();
    assert!(error.contains("none.toml: cannot be opened"), "{error}");
    let error = place.load(&format!("accounts_dir = \"/nowhere\"\n{FILE}"), &[]).unwrap_err();
    assert!(error.contains("/nowhere: accounts_dir cannot be read"), "{error}");
    let text = FILE.replace("tokens = [\"token1\"]", "tokens_file = \"/no/tokens\"");
    let error = place.load(&text, &[]).unwrap_err();
    assert!(error.contains("/no/tokens: cannot be opened"), "{error}");
}

#[test]
fn token_files_hold_one_a_line_and_the_same_token_counts_once() {
    let place = Place::new();
    let file = place.write("tokens", "token1\n\n  token2 \r\n");
    let main = place.write("main", "main1\n");
    let text = format!("{FILE}tokens_file = {file:?}\nmain_tokens_file = {main:?}\n");
    assert_eq!(place.load(&text, &[]).unwrap().keyring.get("acme").unwrap().key_count(), 3);
    place.write("tokens", "\n");
    let error = place.load(&text, &[]).unwrap_err();
    assert!(error.contains("tokens: holds no token"), "{error}");
}

#[test]
fn accounts_of_a_directory_are_named_by_their_files() {
    let place = Place::new();
    place.write("accounts/west.toml", "auth_id = \"MAWEST\"\ntokens = [\"w\"]\n");
    place.write("accounts/.hidden.toml", "nonsense");
    place.write("accounts/README.md", "nonsense");
    let text = format!("accounts_dir = {:?}\n{FILE}", place.path("accounts"));
    let loaded = place.load(&text, &[("TENDLC_ACCOUNTS__WEST__TOKENS", "x,y")]).unwrap();
    assert_eq!(loaded.keyring.len(), 2);
    assert_eq!(loaded.keyring.get("west").unwrap().key_count(), 2, "the environment goes over the file");
    place.write("accounts/acme.toml", "auth_id = \"MA3\"\ntokens = [\"w\"]\n");
    place.write("accounts/slip.toml", "auth_id = \"MA4\"\ntoken = [\"w\"]\n");
    let error = place.load(&text, &[]).unwrap_err();
    assert!(error.contains("acme.toml: accounts.acme: stands in the main configuration as well"), "{error}");
    assert!(error.contains("slip.toml: accounts.slip.token: unknown key: did you mean `tokens`?"), "{error}");
}

#[test]
fn a_route_on_which_a_callback_could_cost_too_much_is_refused() {
    let place = Place::new();
    let more: String =
        (0..16).map(|n| format!("[accounts.a{n}]\nauth_id = \"MA{n}\"\ntokens = [\"x\", \"y\"]\n")).collect();
    let error = place.load(&format!("{FILE}{more}"), &[]).unwrap_err();
    assert!(error.contains("ingress.routes.any: one") && error.contains("at most 64"), "{error}");
}

#[test]
fn a_route_that_names_an_unknown_account_is_warned_of() {
    let place = Place::new();
    let text = format!("{FILE}[ingress.routes.a]\npath = \"/cb\"\naccounts = [\"acme\", \"acne\"]\n");
    let warnings = place.load(&text, &[]).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("routes.a.accounts: \"acne\""), "{warnings:?}");
}

/// The directory of a Kubernetes secret: files are symlinks into `..data`, itself a symlink that is swapped.
fn mount(place: &Place, version: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        place.write(&format!("mount/..{version}/{name}"), text);
        let link = place.path(&format!("mount/{name}"));
        if link.symlink_metadata().is_err() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    let new = place.path("mount/..data_tmp");
    symlink(format!("..{version}"), &new).unwrap();
    fs::rename(new, place.path("mount/..data")).unwrap();
}

#[test]
fn a_rotated_token_is_seen_through_a_symlink_swap() {
    let place = Place::new();
    mount(&place, "1", &[("token", "old\n")]);
    let text =
        FILE.replace("tokens = [\"token1\"]", &format!("tokens_file = {:?}", place.path("mount/token")));
    let mut watch = place.load(&text, &[]).unwrap().accounts;
    assert!(watch.check().unwrap().is_none());
    mount(&place, "2", &[("token", "old\nnew\n")]);
    let reload = watch.check().unwrap().unwrap();
    assert_eq!(reload.keyring.get("acme").unwrap().key_count(), 2);
    assert_eq!(reload.changes.changed, ["acme"]);
    assert!(watch.check().unwrap().is_none());
}

#[test]
fn tenants_come_and_go_with_their_files() {
    let place = Place::new();
    mount(&place, "1", &[("west.toml", "auth_id = \"MAW\"\ntokens = [\"w\"]\n")]);
    let text = format!("accounts_dir = {:?}\n{FILE}", place.path("mount"));
    let mut watch = place.load(&text, &[]).unwrap().accounts;
    mount(
        &place,
        "2",
        &[
            ("west.toml", "auth_id = \"MAW\"\ntokens = [\"w\"]\n"),
            ("east.toml", "auth_id = \"MAE\"\ntokens = [\"e\"]\n"),
        ],
    );
    let changes = watch.check().unwrap().unwrap().changes;
    assert_eq!(changes, Changes { added: vec!["east".into()], ..Changes::default() });
    fs::remove_file(place.path("mount/west.toml")).unwrap();
    let reload = watch.check().unwrap().unwrap();
    assert_eq!(reload.changes.removed, ["west"]);
    assert!(reload.keyring.get("west").is_none() && reload.keyring.get("acme").is_some());
}

#[test]
fn what_cannot_be_read_leaves_the_old_accounts_in_force() {
    let place = Place::new();
    place.write("dir/west.toml", "auth_id = \"MAW\"\ntokens = [\"w\"]\n");
    let text = format!("accounts_dir = {:?}\n{FILE}", place.path("dir"));
    let mut watch = place.load(&text, &[]).unwrap().accounts;

    place.write("dir/west.toml", "auth_id = \"MAW\ntokens = [\"verysecret\"]\n");
    let error = watch.check().unwrap_err().to_string();
    assert!(error.contains("west.toml: line 1: not valid TOML") && !error.contains("verysecret"), "{error}");

    fs::remove_file(place.path("dir/west.toml")).unwrap();
    let error = watch.check().unwrap_err().to_string();
    assert!(error.contains("perhaps for want of a mount"), "{error}");

    fs::rename(place.path("dir"), place.path("gone")).unwrap();
    assert!(watch.check().unwrap_err().to_string().contains("accounts_dir cannot be read"));

    fs::rename(place.path("gone"), place.path("dir")).unwrap();
    place.write("dir/west.toml", "auth_id = \"MAW\"\ntokens = [\"w\"]\n");
    assert!(watch.check().unwrap().is_none(), "mended: as it was");

    place.write("relay.toml", "broken = ");
    assert!(watch.check().is_err());
    place.write("relay.toml", &text.replace("token1", "token2"));
    assert_eq!(watch.check().unwrap().unwrap().changes.changed, ["acme"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_secret_is_shown(token in "[A-Za-z0-9]{12,40}") {
        let place = Place::new();
        let file = place.write("tokens", &format!("{token}F"));
        let text = format!("{FILE}tokens_file = {file:?}\nmain_tokens = [\"{token}M\"]\n");
        let loaded = place.load(&text, &[("TENDLC_ACCOUNTS__ACME__TOKENS", &token)]).unwrap();
        let shown = format!("{}{loaded:?}{:#?}", loaded.config.to_toml().unwrap(), loaded.config);
        prop_assert!(!shown.contains(&token), "{}", shown);
        prop_assert!(shown.contains("***"));
        // Nor in the errors of a configuration that is wrong everywhere.
        let wrong = format!("log = \"{token}\"\n{FILE}tokens_file = [\"{token}\"]\nmain_tokens = \"{token}\"\n\
                             [sinks.k]\ntype = \"kafka\"\ndir = [\"{token}\"]\n");
        let error = place.load(&wrong, &[("TENDLC_ACCOUNTS", &token)]).unwrap_err();
        prop_assert!(!error.contains(&token), "{}", error);
    }
}

/// Every key of `value`, with dots.
fn keys(value: &toml::Value, path: &str, into: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                keys(value, &format!("{path}.{key}"), into);
            }
        }
        _ => into.push(path.to_owned()),
    }
}

fn effective(variables: &[(&str, &str)], file: &Path) -> toml::Value {
    let loaded = load(Some(file), variables).unwrap();
    toml::from_str(&loaded.config.to_toml().unwrap()).unwrap()
}

#[test]
fn the_commented_default_is_the_default_and_names_every_key() {
    let place = Place::new();
    let empty = place.write("empty.toml", "");
    let written = place.write("relay.toml", BUILT_IN);
    let pretty = |file: &Path| toml::to_string(&effective(&NEEDED, file)).unwrap();
    let (file, default) = (pretty(&written), pretty(&empty));
    let only =
        |a: &str, b: &str| a.lines().filter(|line| !b.contains(line)).map(str::to_owned).collect::<Vec<_>>();
    assert!(file == default, "file {:?}, default {:?}", only(&file, &default), only(&default, &file));

    let mut all = Vec::new();
    keys(&effective(&NEEDED, &written), "", &mut all);
    let mut present = Vec::new();
    keys(&BUILT_IN.parse::<toml::Table>().unwrap().into(), "", &mut present);
    all.retain(|key| !key.starts_with(".accounts."));
    let missing: Vec<_> = all.iter().filter(|key| !present.contains(key)).collect();
    assert!(missing.is_empty(), "not in config/relay.toml: {missing:?}");
    for key in
        ["accounts_dir", "auth_id", "tokens", "tokens_file", "main_tokens", "main_tokens_file", "rotate_size"]
    {
        assert!(BUILT_IN.lines().any(|line| line.starts_with(&format!("# {key} = "))), "{key}");
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    let place = Place::new();
    let printed = load(None, &NEEDED).unwrap().config.to_toml().unwrap();
    let again = place.load(&printed, &[]).unwrap().config.to_toml().unwrap();
    assert_eq!(printed, again);
}

#[test]
fn the_built_in_routes_and_sinks_are_those_of_their_stages() {
    let config = load(None, &NEEDED).unwrap().config;
    assert_eq!(config.ingress.routes, IngressConfig::default().routes);
    let file = SinkConfig::new(crate::sink::Target::File(crate::sink::FileConfig {
        dir: "./var/events".into(),
        ..crate::sink::FileConfig::default()
    }));
    assert_eq!(toml::to_string(&config.sinks["files"]).unwrap(), toml::to_string(&file).unwrap());
}

/// Every leaf key of every sink kind can come from the environment; a number stands for each type that is coerced.
#[test]
fn nested_keys_of_kafka_and_nats_come_from_the_environment() {
    let variables = [
        ("TENDLC_SINKS__K__TYPE", "kafka"),
        ("TENDLC_SINKS__K__SERVERS", "a:9092,b:9092"),
        ("TENDLC_SINKS__K__WINDOW", "64"),
        ("TENDLC_SINKS__K__SASL__MECHANISM", "SCRAM-SHA-512"),
        ("TENDLC_SINKS__K__SASL__USERNAME", "0123"),
        ("TENDLC_SINKS__K__SASL__PASSWORD", "4567"),
        ("TENDLC_SINKS__K__PROPERTIES__LINGER_MS", "5"),
        ("TENDLC_SINKS__N__TYPE", "nats"),
        ("TENDLC_SINKS__N__SERVERS", "nats://n:4222"),
        ("TENDLC_SINKS__N__TOPICS__BRAND", "x.brand"),
    ];
    let text = load(None, &with_needed(&variables)).unwrap().config.to_toml().unwrap();
    for expected in
        ["servers = [\"a:9092\", \"b:9092\"]", "username = \"0123\"", "linger.ms", "x.brand", "window = 64"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains("4567"));
}

#[test]
fn a_command_beside_the_relay_needs_neither_tokens_nor_a_public_url() {
    let place = Place::new();
    let text =
        "accounts_dir = \"/nowhere\"\n[accounts.acme]\nauth_id = \"MA\"\ntokens_file = \"/no/tokens\"\n";
    let file = place.write("relay.toml", text);
    let beside = |variables: &[(&str, &str)]| {
        Config::load_beside(&Sources::new(Some(file.clone()), variables.iter().copied().collect()))
    };
    assert_eq!(beside(&[]).unwrap().accounts["acme"].auth_id, "MA");
    assert!(beside(&[("TENDLC_SPOOL__PATH_", "x")]).unwrap_err().to_string().contains("did you mean `path`"));
    assert!(beside(&[("TENDLC_SPOOL__QUEUE", "0")]).is_err());
}
