//! What to run, from flags, environment, `waystation.toml` and defaults, in this order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use waystation_storage::Durability;

use crate::cli::ServeFlags;
use crate::config_file::{self, ConfigFile};
use crate::data_home;
use crate::declared::{Declarations, SqsSection};

/// Port of the endpoint that existing tooling expects.
const PORT: u16 = 4566;

/// Memory for the index of messages.
const INDEX_MEMORY_MB: u64 = 384;

/// Where data is kept.
#[derive(Debug)]
pub(crate) enum Data {
    /// In this directory.
    Kept(PathBuf),
    /// In a temporary one, removed at exit.
    Ephemeral,
}

/// How callers are authenticated.
#[derive(Debug)]
pub(crate) enum Auth {
    /// Not at all.
    Open,
    /// By signatures of the credentials in this file.
    Verify(PathBuf),
}

/// Whether AWS's rates and waits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    /// Only sizes, counts and quotas.
    None,
    /// Rates and 60-second waits too.
    Aws,
}

/// HTTPS on the same port.
#[derive(Debug)]
pub(crate) enum Tls {
    /// A certificate of our own making, kept in the data directory.
    SelfSigned,
    /// The user's.
    Given { certificate: PathBuf, key: PathBuf },
}

/// Everything the server needs to know, valid.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    pub(crate) data: Data,
    pub(crate) auth: Auth,
    pub(crate) durability: Durability,
    pub(crate) limits: Limits,
    pub(crate) log: tracing::Level,
    pub(crate) tls: Option<Tls>,
    pub(crate) trusted_ca: Option<PathBuf>,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) test_clock: bool,
    pub(crate) test_endpoints: bool,
    pub(crate) workers: usize,
    pub(crate) index_memory_bytes: u64,
    pub(crate) bare: bool,
    pub(crate) volatile_writes_ms: Option<u64>,
    pub(crate) declarations: Declarations,
}

impl Settings {
    /// Resolves flags (and the environment behind them) over the file over defaults; an error says
    /// what to write instead.
    pub(crate) fn resolve(flags: &ServeFlags) -> Result<Settings, String> {
        Settings::merge(flags, config_file::read(flags.config.as_deref())?)
    }

    fn merge(flags: &ServeFlags, file: ConfigFile) -> Result<Settings, String> {
        let (addresses, port) =
            parse_listen(chosen(&flags.listen, &file.listen, "localhost:4566"))?;
        let auth = parse_auth(
            chosen(&flags.auth, &file.auth, "open"),
            flags.credentials.as_ref().or(file.credentials.as_ref()),
        )?;
        check_reach(&addresses, &auth, flags, &file)?;
        let account = parse_account(file.account.clone())?;
        let region = parse_region(file.region.clone())?;
        Ok(Settings {
            addresses,
            port,
            data: choose_data(flags, &file)?,
            auth,
            durability: choose_durability(flags, &file)?,
            limits: parse_limits(chosen(&flags.limits, &file.limits, "none"))?,
            log: parse_log(chosen(&flags.log, &file.log, "info"))?,
            tls: match flags.tls.as_ref().or(file.tls.as_ref()) {
                Some(text) => Some(parse_tls(text)?),
                None => None,
            },
            trusted_ca: flags.trusted_ca.clone().or(file.trusted_ca),
            declarations: declarations(file.sqs, &file.path, &file.text, &account, &region)?,
            account,
            region,
            cors_origins: file.cors_origins,
            hosts: file.hosts,
            test_clock: flags.test_clock,
            test_endpoints: flags.test_endpoints,
            workers: parse_workers(flags.workers.or(file.workers))?,
            index_memory_bytes: parse_index_memory(flags.index_memory.or(file.index_memory))?,
            bare: flags.bare,
            volatile_writes_ms: flags.test_volatile_writes,
        })
    }
}

fn declarations(
    section: SqsSection,
    path: &Path,
    text: &str,
    account: &str,
    region: &str,
) -> Result<Declarations, String> {
    let queues = section.resolve(text, account, region);
    Ok(Declarations {
        file: path.to_owned(),
        queues: queues.map_err(|error| format!("{}: {error}", path.display()))?,
    })
}

/// Where data is kept, for commands that need to know nothing else.
pub(crate) fn data(flags: &ServeFlags) -> Result<Data, String> {
    choose_data(flags, &config_file::read(flags.config.as_deref())?)
}

fn chosen<'a>(flag: &'a Option<String>, file: &'a Option<String>, default: &'a str) -> &'a str {
    flag.as_deref().or(file.as_deref()).unwrap_or(default)
}

/// Refuses what would let the network in without anybody having said so.
fn check_reach(
    addresses: &[IpAddr],
    auth: &Auth,
    flags: &ServeFlags,
    file: &ConfigFile,
) -> Result<(), String> {
    if addresses.iter().all(IpAddr::is_loopback) {
        return Ok(());
    }
    if matches!(auth, Auth::Open) && !(flags.open_to_network || file.open_to_network) {
        return Err(
            "listening beyond this machine with --auth open would let anybody on the network in; \
             use --auth verify --credentials FILE, or add --open-to-network if that is what you \
             want"
                .to_string(),
        );
    }
    if flags.test_clock || flags.test_endpoints {
        return Err(
            "--test-clock and --test-endpoints work only when listening on loopback addresses"
                .to_string(),
        );
    }
    Ok(())
}

fn choose_data(flags: &ServeFlags, file: &ConfigFile) -> Result<Data, String> {
    if flags.ephemeral {
        return Ok(Data::Ephemeral);
    }
    match flags.data_dir.as_ref().or(file.data_dir.as_ref()) {
        Some(directory) => Ok(Data::Kept(directory.clone())),
        None => data_home::default_directory().map(Data::Kept),
    }
}

/// The file may say the milliseconds as a number or as text.
fn choose_durability(flags: &ServeFlags, file: &ConfigFile) -> Result<Durability, String> {
    match (&flags.durability, &file.durability) {
        (Some(text), _) | (None, Some(toml::Value::String(text))) => parse_durability(text),
        (None, Some(toml::Value::Integer(ms))) => parse_durability(&ms.to_string()),
        (None, Some(other)) => Err(wrong_durability(other.type_str())),
        (None, None) => Ok(Durability::Strict),
    }
}

fn parse_listen(text: &str) -> Result<(Vec<IpAddr>, u16), String> {
    let wrong = || {
        format!(
            "--listen takes ADDRESS:PORT such as 127.0.0.1:{PORT}, [::1]:{PORT}, \
             localhost:{PORT} or 0.0.0.0:{PORT}, not '{text}'"
        )
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if host == "localhost" {
        let both = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok((both, port));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().map_err(|_| wrong())?;
    Ok((vec![address], port))
}

fn parse_auth(mode: &str, credentials: Option<&PathBuf>) -> Result<Auth, String> {
    match (mode, credentials) {
        ("open", _) => Ok(Auth::Open),
        ("verify", Some(file)) => Ok(Auth::Verify(file.clone())),
        ("verify", None) => Err(
            "--auth verify needs --credentials FILE with lines of 'access_key secret_key'"
                .to_string(),
        ),
        ("enforce", _) => Err(
            "--auth enforce is not built yet: policies are stored but not evaluated; \
             use --auth verify"
                .to_string(),
        ),
        _ => Err(format!(
            "--auth takes open, verify or enforce, not '{mode}'"
        )),
    }
}

fn parse_durability(text: &str) -> Result<Durability, String> {
    match text {
        "strict" => Ok(Durability::Strict),
        "os" => Ok(Durability::Os),
        number => match number.parse() {
            Ok(ms @ 1..=60_000) => Ok(Durability::Interval(ms)),
            _ => Err(wrong_durability(text)),
        },
    }
}

fn wrong_durability(found: &str) -> String {
    format!("--durability takes strict, os or 1 to 60000 milliseconds, not '{found}'")
}

fn parse_limits(text: &str) -> Result<Limits, String> {
    match text {
        "none" => Ok(Limits::None),
        "aws" => Ok(Limits::Aws),
        _ => Err(format!("--limits takes none or aws, not '{text}'")),
    }
}

fn parse_log(text: &str) -> Result<tracing::Level, String> {
    text.parse()
        .map_err(|_| format!("--log takes error, warn, info, debug or trace, not '{text}'"))
}

fn parse_tls(text: &str) -> Result<Tls, String> {
    match text.split_once(',') {
        None if text == "self-signed" => Ok(Tls::SelfSigned),
        Some((certificate, key)) => Ok(Tls::Given {
            certificate: certificate.into(),
            key: key.into(),
        }),
        None => Err(format!(
            "--tls takes self-signed or CERTIFICATE.pem,KEY.pem, not '{text}'"
        )),
    }
}

fn parse_account(account: Option<String>) -> Result<String, String> {
    let account = account.unwrap_or_else(|| "000000000000".to_string());
    if waystation_auth::is_account(&account) {
        Ok(account)
    } else {
        Err(format!("account takes 12 digits, not '{account}'"))
    }
}

fn parse_region(region: Option<String>) -> Result<String, String> {
    let region = region.unwrap_or_else(|| "us-east-1".to_string());
    if waystation_auth::is_region(&region) {
        Ok(region)
    } else {
        Err(format!(
            "region takes a name such as us-east-1, not '{region}'"
        ))
    }
}

fn parse_index_memory(megabytes: Option<u64>) -> Result<u64, String> {
    match megabytes.unwrap_or(INDEX_MEMORY_MB) {
        count @ 1..=1_048_576 => Ok(count << 20),
        count => Err(format!(
            "--index-memory takes 1 to 1048576 megabytes, not {count}"
        )),
    }
}

fn parse_workers(workers: Option<usize>) -> Result<usize, String> {
    match workers {
        Some(count @ 1..=16) => Ok(count),
        Some(count) => Err(format!("--workers takes 1 to 16, not {count}")),
        None => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            Ok((processors / 2).clamp(1, 8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(flags: ServeFlags, file: &str) -> Result<Settings, String> {
        let flags = ServeFlags {
            // Whatever home the machine has, it is not looked for.
            data_dir: flags.data_dir.or(Some("/data".into())),
            ..flags
        };
        Settings::merge(&flags, config_file::parse(file)?)
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    const FILE: &str = r#"
        listen = "127.0.0.1:1"
        auth = "verify"
        credentials = "/file/keys"
        durability = 7
        limits = "aws"
        log = "debug"
        tls = "self-signed"
        account = "111122223333"
        region = "eu-west-1"
        cors_origins = ["https://one"]
        hosts = ["two"]
        workers = 3
        index_memory = 5
    "#;

    #[test]
    fn nothing_said_means_the_defaults() {
        let settings = merged(ServeFlags::default(), "").unwrap();
        assert_eq!((settings.addresses.len(), settings.port), (2, 4566));
        assert!(matches!(settings.auth, Auth::Open));
        assert_eq!(settings.durability, Durability::Strict);
        assert_eq!(settings.limits, Limits::None);
        assert_eq!(settings.log, tracing::Level::INFO);
        assert!(settings.tls.is_none());
        assert_eq!(settings.account, "000000000000");
        assert_eq!(settings.region, "us-east-1");
        assert!((1..=8).contains(&settings.workers));
        let budgets = waystation_engine::Budgets::default();
        assert_eq!(settings.index_memory_bytes, budgets.page_bytes_max);
        assert!(!settings.test_clock && !settings.test_endpoints && !settings.bare);
    }

    #[test]
    fn every_line_of_the_file_counts() {
        let settings = merged(ServeFlags::default(), FILE).unwrap();
        assert_eq!(settings.addresses, [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        assert_eq!(settings.port, 1);
        assert!(matches!(&settings.auth, Auth::Verify(file) if file.ends_with("keys")));
        assert_eq!(settings.durability, Durability::Interval(7));
        assert_eq!(settings.limits, Limits::Aws);
        assert_eq!(settings.log, tracing::Level::DEBUG);
        assert!(matches!(settings.tls, Some(Tls::SelfSigned)));
        assert_eq!(settings.account, "111122223333");
        assert_eq!(settings.region, "eu-west-1");
        assert_eq!(settings.cors_origins, ["https://one"]);
        assert_eq!(settings.hosts, ["two"]);
        assert_eq!(settings.workers, 3);
        assert_eq!(settings.index_memory_bytes, 5 << 20);
    }

    #[test]
    fn flags_win_over_the_file() {
        let flags = ServeFlags {
            listen: text("[::1]:2"),
            auth: text("open"),
            durability: text("os"),
            limits: text("none"),
            log: text("error"),
            tls: text("c.pem,k.pem"),
            workers: Some(1),
            index_memory: Some(2),
            ..ServeFlags::default()
        };
        let settings = merged(flags, FILE).unwrap();
        assert_eq!(settings.addresses, [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(settings.port, 2);
        assert!(matches!(settings.auth, Auth::Open));
        assert_eq!(settings.durability, Durability::Os);
        assert_eq!(settings.limits, Limits::None);
        assert_eq!(settings.log, tracing::Level::ERROR);
        assert!(matches!(settings.tls, Some(Tls::Given { .. })));
        assert_eq!(settings.workers, 1);
        assert_eq!(settings.index_memory_bytes, 2 << 20);

        let flags = ServeFlags {
            credentials: Some("/flag/secrets".into()),
            ..ServeFlags::default()
        };
        let auth = merged(flags, FILE).unwrap().auth;
        assert!(matches!(auth, Auth::Verify(file) if file.ends_with("secrets")));
    }

    #[test]
    fn data_is_where_the_flag_says_then_the_file_unless_nothing_is_kept() {
        let chosen = |ephemeral, flag: Option<&str>, file: &str| {
            let flags = ServeFlags {
                ephemeral,
                data_dir: flag.map(PathBuf::from),
                ..ServeFlags::default()
            };
            match choose_data(&flags, &config_file::parse(file).unwrap()) {
                Ok(Data::Kept(directory)) => directory.display().to_string(),
                Ok(Data::Ephemeral) => "none".to_string(),
                Err(error) => error,
            }
        };
        let file = r#"data_dir = "/file""#;
        assert_eq!(chosen(false, Some("/flag"), file), "/flag");
        assert_eq!(chosen(false, None, file), "/file");
        assert_eq!(chosen(true, None, file), "none");
    }

    #[test]
    fn listening_beyond_loopback_needs_a_word_and_excludes_test_helps() {
        let flags = |open| ServeFlags {
            listen: text("0.0.0.0:4566"),
            open_to_network: open,
            ..ServeFlags::default()
        };
        let error = merged(flags(false), "").unwrap_err();
        assert!(error.contains("--open-to-network"), "{error}");
        assert!(merged(flags(true), "").is_ok());
        assert!(merged(flags(false), "open_to_network = true").is_ok());
        let verified = "auth = 'verify'\ncredentials = 'keys'";
        assert!(merged(flags(false), verified).is_ok());
        let clocked = ServeFlags {
            test_clock: true,
            ..flags(true)
        };
        let error = merged(clocked, "").unwrap_err();
        assert!(error.contains("loopback"), "{error}");
    }

    #[test]
    fn a_bad_value_is_quoted_beside_what_would_be_good() {
        let lines = [
            ("listen = '4566'", "ADDRESS:PORT", "'4566'"),
            (
                "listen = 'localhost:http'",
                "ADDRESS:PORT",
                "'localhost:http'",
            ),
            (
                "listen = 'example.com:1'",
                "ADDRESS:PORT",
                "'example.com:1'",
            ),
            ("auth = 'closed'", "open, verify or enforce", "'closed'"),
            ("auth = 'verify'", "--credentials FILE", "verify"),
            ("auth = 'enforce'", "--auth verify", "not built"),
            (
                "durability = 'sometimes'",
                "strict, os or 1 to 60000",
                "'sometimes'",
            ),
            ("durability = 0", "strict, os or 1 to 60000", "'0'"),
            ("durability = 60001", "strict, os or 1 to 60000", "'60001'"),
            ("durability = 0.5", "strict, os or 1 to 60000", "'float'"),
            ("limits = 'many'", "none or aws", "'many'"),
            ("log = 'loud'", "error, warn, info", "'loud'"),
            (
                "tls = 'yes'",
                "self-signed or CERTIFICATE.pem,KEY.pem",
                "'yes'",
            ),
            ("account = '12'", "12 digits", "'12'"),
            ("region = 'US East'", "us-east-1", "'US East'"),
            ("workers = 17", "1 to 16", "17"),
            ("index_memory = 0", "1 to 1048576 megabytes", "0"),
        ];
        for (line, good, bad) in lines {
            let error = merged(ServeFlags::default(), line).expect_err(line);
            assert!(
                error.contains(good) && error.contains(bad),
                "{line}: {error}"
            );
        }
    }
}
