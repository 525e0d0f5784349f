//! Encrypted connections: what is required is had or refused, never done without.

use std::path::Path;
use std::process::Command;

use crate::support::{Database, Loggr, own_postgres};

use super::with_database;

/// Runs openssl; false where it is not installed.
fn openssl(directory: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output();
    match output {
        Ok(output) => {
            assert!(
                output.status.success(),
                "openssl {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            true
        }
        Err(_) => {
            crate::support::skipped("openssl is not here");
            false
        }
    }
}

/// A server with a certificate for `localhost`, its authority in `ca.crt`, another one in
/// `other.crt`, and a certificate for the user `postgres`.
fn server() -> Option<Database> {
    let database = own_postgres()?;
    let at = database.server.directory().to_owned();
    let key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
    for name in ["ca", "other"] {
        let (out, key_out, subject) = (format!("{name}.crt"), format!("{name}.key"), format!("/CN={name}"));
        let words = ["req", "-x509", "-out", &out, "-keyout", &key_out, "-subj", &subject];
        if !openssl(&at, &[&words[..], &key].concat()) {
            return None;
        }
    }
    for (name, subject, more) in [
        ("server", "/CN=localhost", "subjectAltName=DNS:localhost\n"),
        ("user", "/CN=postgres", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(at.join("more"), more).expect("the extensions");
        let (csr, key_out, crt) = (format!("{name}.csr"), format!("{name}.key"), format!("{name}.crt"));
        let request =
            ["req", "-newkey", "rsa:2048", "-nodes", "-out", &csr, "-keyout", &key_out, "-subj", subject];
        openssl(&at, &request);
        let authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
        let sign = ["x509", "-req", "-in", &csr, "-extfile", "more", "-out", &crt];
        openssl(&at, &[&sign[..], &authority].concat());
    }
    for file in ["server.key", "server.crt", "ca.crt"] {
        use std::os::unix::fs::PermissionsExt;
        let file = at.join(file);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        database.server.give(&file);
    }
    let shown = |name: &str| at.join(name).display().to_string();
    database.server.configure(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nssl_ca_file = '{}'",
        shown("server.crt"),
        shown("server.key"),
        shown("ca.crt")
    ));
    database.server.hba("local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
    database.server.stop();
    database.server.up();
    Some(database)
}

fn count(url: &str, keys: &str) -> (Option<i32>, String, String) {
    let loggr = Loggr::down(with_database(url, keys));
    let output = loggr.command(&["count", "--store", "db", ""]);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn encryption_is_had_or_refused() {
    let Some(database) = server() else { return };
    let file = |name: &str| database.server.directory().join(name).display().to_string();
    let by_name = database.url().replace("127.0.0.1", "localhost");
    let loggr = Loggr::down(with_database(&by_name, ""));
    loggr.ask(&["init", "postgres", "--no-roles"]);
    let fine = (Some(0), "0\n".to_owned(), String::new());
    let ca = format!("sslmode = \"verify-full\"\nsslrootcert = {:?}", file("ca.crt"));
    assert_eq!(count(&by_name, ""), fine, "prefer uses TLS where it is offered");
    assert_eq!(count(&database.url(), "sslmode = \"require\""), fine);
    assert_eq!(count(&by_name, &ca), fine);
    assert_eq!(count(&format!("{by_name}?sslmode=verify-full&sslrootcert={}", file("ca.crt")), ""), fine);
    let refused = |url: &str, keys: &str, why: &str| {
        let (code, _, errors) = count(url, keys);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(why) && errors.contains("\nhint: "), "`{why}` is not in:\n{errors}");
    };
    // The certificate is for `localhost`, not for the address.
    refused(&database.url(), &ca, "certificate not valid for name \"127.0.0.1\"");
    let other = format!("sslmode = \"verify-full\"\nsslrootcert = {:?}", file("other.crt"));
    refused(&by_name, &other, "UnknownIssuer");
    refused(&by_name, "sslmode = \"verify-full\"", "needs the certificates of the authorities");
    let missing = "sslmode = \"verify-full\"\nsslrootcert = \"nosuch.crt\"";
    refused(&by_name, missing, "nosuch.crt`");
    refused(&by_name, "sslmode = \"disable\"", "no encryption");
    // A server that asks for a certificate gets one.
    database.server.hba("local all all trust\nhostssl all all 127.0.0.1/32 cert\n");
    database.server.stop();
    database.server.up();
    refused(&by_name, "sslmode = \"require\"", "certificate");
    let own = format!("{ca}\nsslcert = {:?}\nsslkey = {:?}", file("user.crt"), file("user.key"));
    assert_eq!(count(&by_name, &own), fine);
    // A server without TLS is not spoken to in the clear where TLS is required.
    database.server.configure("ssl = off");
    database.server.hba("local all all trust\nhost all all 127.0.0.1/32 trust\n");
    database.server.stop();
    database.server.up();
    refused(&by_name, "sslmode = \"require\"", "server does not support TLS");
    assert_eq!(count(&by_name, ""), fine, "prefer goes on without");
}
