//! What to run, from flags, environment, `waystation.toml` and defaults, in this order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use waystation_storage::Durability;

use crate::cli::ServeFlags;
use crate::data_home;

/// Port of the endpoint that existing tooling expects.
const PORT: u16 = 4566;

/// `waystation.toml`: the same names as the flags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    auth: Option<String>,
    credentials: Option<PathBuf>,
    durability: Option<toml::Value>,
    limits: Option<String>,
    log: Option<String>,
    tls: Option<String>,
    account: Option<String>,
    region: Option<String>,
    cors_origins: Vec<String>,
    hosts: Vec<String>,
    open_to_network: bool,
    workers: Option<usize>,
}

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
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) test_clock: bool,
    pub(crate) test_endpoints: bool,
    pub(crate) workers: usize,
    pub(crate) bare: bool,
    pub(crate) volatile_writes_ms: Option<u64>,
}

impl Settings {
    /// Resolves flags (and the environment behind them) over the file over defaults; an error says
    /// what to write instead.
    pub(crate) fn resolve(flags: &ServeFlags) -> Result<Settings, String> {
        let file = read_file(flags.config.as_deref())?;
        let (addresses, port) =
            parse_listen(chosen(&flags.listen, &file.listen, "localhost:4566"))?;
        let auth = parse_auth(
            chosen(&flags.auth, &file.auth, "open"),
            flags.credentials.as_ref().or(file.credentials.as_ref()),
        )?;
        check_reach(&addresses, &auth, flags, &file)?;
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
            account: parse_account(file.account)?,
            region: parse_region(file.region)?,
            cors_origins: file.cors_origins,
            hosts: file.hosts,
            test_clock: flags.test_clock,
            test_endpoints: flags.test_endpoints,
            workers: parse_workers(flags.workers.or(file.workers))?,
            bare: flags.bare,
            volatile_writes_ms: flags.test_volatile_writes,
        })
    }
}

fn chosen<'a>(flag: &'a Option<String>, file: &'a Option<String>, default: &'a str) -> &'a str {
    flag.as_deref().or(file.as_deref()).unwrap_or(default)
}

/// Refuses what would let the network in without anybody having said so.
fn check_reach(
    addresses: &[IpAddr],
    auth: &Auth,
    flags: &ServeFlags,
    file: &File,
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

fn choose_data(flags: &ServeFlags, file: &File) -> Result<Data, String> {
    if flags.ephemeral {
        return Ok(Data::Ephemeral);
    }
    match flags.data_dir.as_ref().or(file.data_dir.as_ref()) {
        Some(directory) => Ok(Data::Kept(directory.clone())),
        None => data_home::default_directory().map(Data::Kept),
    }
}

/// The file may say the milliseconds as a number or as text.
fn choose_durability(flags: &ServeFlags, file: &File) -> Result<Durability, String> {
    match (&flags.durability, &file.durability) {
        (Some(text), _) | (None, Some(toml::Value::String(text))) => parse_durability(text),
        (None, Some(toml::Value::Integer(ms))) => parse_durability(&ms.to_string()),
        (None, Some(other)) => Err(wrong_durability(other.type_str())),
        (None, None) => Ok(Durability::Strict),
    }
}

fn read_file(given: Option<&Path>) -> Result<File, String> {
    let path = given.unwrap_or(Path::new("waystation.toml"));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(File::default());
        }
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
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

    #[test]
    fn localhost_means_both_families_because_clients_resolve_it_to_either() {
        let (addresses, port) = parse_listen("localhost:1").unwrap();
        assert_eq!(addresses.len(), 2);
        assert_eq!(port, 1);
        assert_eq!(
            parse_listen("[::1]:2").unwrap().0,
            vec![IpAddr::from(Ipv6Addr::LOCALHOST)]
        );
        assert!(parse_listen("4566").unwrap_err().contains("ADDRESS:PORT"));
    }

    #[test]
    fn open_mode_beyond_loopback_needs_a_flag_that_says_so() {
        let flags = |open| ServeFlags {
            listen: Some("0.0.0.0:4566".to_string()),
            ephemeral: true,
            open_to_network: open,
            ..ServeFlags::default()
        };
        assert!(
            Settings::resolve(&flags(false))
                .unwrap_err()
                .contains("--open-to-network")
        );
        assert!(Settings::resolve(&flags(true)).is_ok());
    }

    #[test]
    fn durability_is_strict_os_or_an_interval() {
        assert_eq!(parse_durability("strict"), Ok(Durability::Strict));
        assert_eq!(parse_durability("5"), Ok(Durability::Interval(5)));
        assert!(parse_durability("0").is_err());
    }

    #[test]
    fn enforce_is_refused_until_it_is_built() {
        assert!(
            parse_auth("enforce", None)
                .unwrap_err()
                .contains("not built")
        );
    }
}
