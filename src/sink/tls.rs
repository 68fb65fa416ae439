//! What is wrong with a TLS connection, in words. OpenSSL and librdkafka say "certificate verify failed" for all of it.

use std::error::Error;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use async_nats::rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error as TlsError, RootCertStore,
};

/// How long a server may take for each step of a handshake.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long to wait for what a server says after a handshake.
const AFTERTHOUGHT: Duration = Duration::from_secs(1);

/// Where systems keep their certificate authorities.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Shakes hands with `host:port` once more to see what is wrong. Blocks.
pub(super) fn server_problem(
    address: &str,
    ca_file: Option<&Path>,
    identity: Option<(&Path, &Path)>,
) -> Option<String> {
    let host = address.rsplit_once(':')?.0.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config(ca_file, identity)?), name).ok()?;
    let socket = address.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&socket, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return described(&error);
        }
    }
    // With TLS 1.3 a server says only now what it thinks of our certificate.
    stream.set_read_timeout(Some(AFTERTHOUGHT)).ok()?;
    connection.read_tls(&mut stream).ok()?;
    connection.process_new_packets().err().map(|error| words(&error))
}

/// The trust and, where its key has no password, the certificate of the real client.
fn config(ca_file: Option<&Path>, identity: Option<(&Path, &Path)>) -> Option<ClientConfig> {
    let builder = ClientConfig::builder().with_root_certificates(authorities(ca_file)?);
    let Some((cert_file, key_file)) = identity else { return Some(builder.with_no_client_auth()) };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(cert_file).ok()?.flatten().map(|one| one.into_owned()).collect();
    let key = PrivateKeyDer::from_pem_file(key_file).ok()?;
    builder.with_client_auth_cert(chain, key).ok()
}

/// The words for the TLS error at the root of `error`, where there is one.
pub(super) fn described(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(words(tls));
        }
        // An io::Error hides from `source` what it holds itself.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(problem) => certificate_words(problem),
        TlsError::AlertReceived(alert) => alert_words(*alert),
        TlsError::InvalidMessage(_) => {
            "the server does not speak TLS on this port: leave out `tls`, or use the port \
                                        that does"
                .to_owned()
        }
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn certificate_words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by an authority that is not trusted: wrong CA, correct tls.ca_file"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it on the server".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: compare the clocks".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host name: correct `servers` or the certificate".to_owned()
        }
        other => format!("the server's certificate is not accepted: {other}"),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateExpired => {
            "the server says that our certificate has expired: renew tls.cert_file".to_owned()
        }
        AlertDescription::UnknownCA => {
            "the server does not know the authority that signed our certificate: correct tls.cert_file"
                .to_owned()
        }
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate => {
            "the server wants a client certificate that it accepts: set tls.cert_file and tls.key_file"
                .to_owned()
        }
        other => format!("the server ended the TLS handshake: {other:?}"),
    }
}

fn authorities(ca_file: Option<&Path>) -> Option<RootCertStore> {
    let file = ca_file.or_else(|| SYSTEM_AUTHORITIES.iter().map(Path::new).find(|path| path.exists()))?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(CertificateDer::pem_file_iter(file).ok()?.flatten());
    Some(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_words_of_its_own() {
        let errors = [
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer),
            TlsError::InvalidCertificate(CertificateError::Expired),
            TlsError::InvalidCertificate(CertificateError::NotValidForName),
            TlsError::AlertReceived(AlertDescription::CertificateExpired),
            TlsError::AlertReceived(AlertDescription::UnknownCA),
            TlsError::AlertReceived(AlertDescription::CertificateRequired),
        ];
        let mut words: Vec<String> = errors.iter().map(words).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), errors.len());
    }

    #[test]
    fn the_cause_is_found_below_other_errors() {
        let cause = TlsError::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, cause));
        let found = described(&wrapped);
        assert!(found.is_some_and(|words| words.contains("expired")));
        assert_eq!(described(&io::Error::other("else")), None);
    }
}
