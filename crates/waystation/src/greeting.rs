//! The first lines at start: where, what, how, and a command to try.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use waystation_storage::Durability;

use crate::settings::{Auth, Data, Limits, Settings};

/// Prints what a newcomer needs. A closed standard output is no reason to stop.
pub(crate) fn print(settings: &Settings, addresses: &[SocketAddr], directory: &Path) {
    let mut out = std::io::stdout().lock();
    let _unwritable = out.write_all(text(settings, addresses, directory).as_bytes());
    let _unwritable = out.flush();
}

fn text(settings: &Settings, addresses: &[SocketAddr], directory: &Path) -> String {
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let port = addresses.first().map_or(settings.port, SocketAddr::port);
    let host = match addresses {
        [only] => only.ip().to_string(),
        _ => "localhost".to_string(),
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let endpoint = format!("{scheme}://{host}:{port}");
    let durability = match settings.durability {
        Durability::Strict => "strict: an answer leaves after the flush".to_string(),
        Durability::Interval(ms) => {
            format!("flushed every {ms} ms: a power cut may lose that much")
        }
        Durability::Os => "left to the operating system: a power cut may lose messages".to_string(),
    };
    let kept = match settings.data {
        Data::Kept(_) => "kept",
        Data::Ephemeral => "removed at exit",
    };
    let auth = match settings.auth {
        Auth::Open => "open (any credentials)",
        Auth::Verify(_) => "verify (signatures are checked)",
    };
    let limits = match settings.limits {
        Limits::None => "none",
        Limits::Aws => "aws",
    };
    let credentials = match settings.auth {
        Auth::Open => "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 ",
        Auth::Verify(_) => "",
    };
    format!(
        "Waystation {version} is ready at {endpoint}\n\
         data        {directory} ({kept})\n\
         durability  {durability}\n\
         auth        {auth}, limits {limits}\n\
         try         {credentials}aws --endpoint-url {endpoint} sqs create-queue --queue-name orders\n",
        version = env!("CARGO_PKG_VERSION"),
        directory = directory.display(),
    )
}
