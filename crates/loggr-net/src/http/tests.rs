//! URLs, and answers of servers that a test makes up, with TLS and without.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[track_caller]
fn check_url(text: &str, expect: &str) {
    let read = Url::parse(text);
    assert_eq!(read.map_or_else(|error| error.to_string(), |url| url.to_string()), expect);
}

#[test]
fn urls_of_servers() {
    check_url("http://127.0.0.1:8080", "http://127.0.0.1:8080");
    check_url(" https://logs.example.net/ ", "https://logs.example.net");
    check_url("https://logs.example.net/loggr/", "https://logs.example.net/loggr");
    check_url("http://[::1]:99/x", "http://[::1]:99/x");
    check_url("HTTPS://Logs.example.net", "https://Logs.example.net");
    let no = |text: &str, why: &str| check_url(text, &format!("`{text}` is not the URL of a server: {why}"));
    no("", "it begins with neither `https://` nor `http://`");
    no("logs.example.net", "it begins with neither `https://` nor `http://`");
    no("ftp://x", "it begins with neither `https://` nor `http://`");
    no("http://x?y=1", "it has a user, a query or a fragment");
    no("http://x/#y", "it has a user, a query or a fragment");
    no("http://x:0", "its port is not a number from 1 to 65535");
    no("http://x:70000", "its port is not a number from 1 to 65535");
    no("http://", "it cannot be read");
    no("http://a b", "it cannot be read");
    check_url(
        "http://u:pass@x",
        "`the text` is not the URL of a server: it has a user, a query or a fragment",
    );
}

#[test]
fn which_hosts_they_name() {
    let check = |text: &str, host: &str, here: bool| {
        let url = Url::parse(text).unwrap();
        assert_eq!((url.host(), url.is_loopback()), (host, here), "{text}");
    };
    check("http://127.0.0.1:8080/x", "127.0.0.1", true);
    check("http://[::1]:99", "::1", true);
    check("https://LocalHost", "LocalHost", true);
    check("https://logs.example.net:1/localhost", "logs.example.net", false);
    check("http://10.0.0.1", "10.0.0.1", false);
}

#[test]
fn a_token_is_never_shown() {
    let bearer = Bearer::new(" loggr_secret\n").unwrap();
    let mut request = Request::new(());
    bearer.show(&mut request);
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer loggr_secret");
    assert!(!format!("{bearer:?} {request:?}").contains("secret"));
    for wrong in ["", " ", "loggr_\nsecret", "loggr_s\u{e9}cret\u{7}"] {
        let error = Bearer::new(wrong).map(drop).unwrap_err().in_one_line();
        assert!(!error.contains("loggr_"), "{error}");
    }
}

/// Reads a request and sends this.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) -> String {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
    stream.write_all(text).await.unwrap_or_default();
    stream.shutdown().await.unwrap_or_default();
    String::from_utf8_lossy(&request).into_owned()
}

/// What comes of it where a server sends this: status and body, or the error.
async fn asked(trust: &Trust, url: &str, most: usize) -> String {
    let client = Client::new(trust).unwrap().with_patience(Duration::from_millis(500));
    let request = Url::parse(url).unwrap().request(Method::GET, "/x?y=z", Vec::new()).unwrap();
    let whole = match client.send(request).await {
        Ok(answer) => answer.whole(most).await,
        Err(error) => Err(error),
    };
    match whole {
        Ok(answer) => format!("{} {}", answer.status().as_u16(), String::from_utf8_lossy(answer.body())),
        Err(error) => error.in_one_line(),
    }
}

async fn check(text: &str, most: usize, expect: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serve = async { answer(listener.accept().await.unwrap().0, text.as_bytes()).await };
    let base = format!("{server}/base/");
    let (request, told) = tokio::join!(serve, asked(&Trust::Anybody, &base, most));
    assert_eq!(told.replace(&server, "SERVER"), expect);
    assert!(request.starts_with("GET /base/x?y=z HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn answers() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 2, "200 hi").await;
    check("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 9, "404 hi").await;
    check("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 9, "302 ").await;
    let long = "the answer of `SERVER` has more than 2 bytes";
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi!", 2, long).await;
    let cut = "the answer of `SERVER` is cut off: end of file before message length reached";
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", 9, cut).await;
    let other = "`SERVER` does not answer as a web server does: invalid HTTP version parsed; if it speaks TLS, write \
                 `https://`; is it the right port?";
    check("\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{32}", 9, other).await;
}

#[tokio::test]
async fn a_server_that_is_silent_or_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let told = asked(&Trust::Anybody, &server, 9).await;
    assert_eq!(told, format!("`{server}` has not answered within 0 s"));
    drop(listener);
    let told = asked(&Trust::Anybody, &server, 9).await;
    assert!(told.starts_with(&format!("cannot reach `{server}`: Connection refused")), "{told}");
}

#[tokio::test]
async fn tls_with_servers_that_are_trusted_and_others() {
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], secret)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, signed.pem()).unwrap();
    let own = Trust::of(Some(&file)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = KeyPair::generate().unwrap();
    let other = CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&other).unwrap();
    std::fs::write(&file, other.pem()).unwrap();
    let strange = Trust::of(Some(&file)).unwrap();
    for (trust, host, expect) in [
        (&own, "127.0.0.1", "200 hi"),
        (&Trust::Anybody, "127.0.0.1", "200 hi"),
        (&strange, "127.0.0.1", "cannot trust the certificate of `SERVER`: invalid peer certificate"),
        (&own, "localhost", "cannot trust the certificate of `SERVER`: invalid peer certificate"),
    ] {
        let server = format!("https://{host}:{port}");
        let serve = async {
            if let Ok(stream) = acceptor.accept(listener.accept().await.unwrap().0).await {
                answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
            }
        };
        let ((), told) = tokio::join!(serve, asked(trust, &server, 9));
        let told = told.replace(&server, "SERVER");
        assert!(told.starts_with(expect), "{told}");
    }
    let told = asked(&Trust::Anybody, &format!("https://127.0.0.1:{}", plain().await), 9).await;
    assert!(told.contains("speaks no TLS") && told.ends_with("write `http://`"), "{told}");
}

/// The port of a server without TLS.
async fn plain() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap_or_default();
    }));
    port
}

/// What comes of it where a server closes the first connection without a word and answers on the next.
async fn after_a_cut(client: Client) -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serve = tokio::spawn(async move {
        for text in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] {
            answer(listener.accept().await.unwrap().0, text).await;
        }
    });
    let request = Url::parse(&server).unwrap().request(Method::POST, "/", b"x".to_vec()).unwrap();
    let told = client.send(request).await.map(|answer| answer.status().as_u16());
    serve.abort();
    told.map_err(|error| error.in_one_line().replace(&server, "SERVER"))
}

#[tokio::test]
async fn a_request_that_may_be_done_twice_survives_the_end_of_its_connection() {
    let client = Client::new(&Trust::Anybody).unwrap();
    assert!(after_a_cut(client.clone()).await.unwrap_err().starts_with("`SERVER` does not answer"));
    assert_eq!(after_a_cut(client.with_repeats()).await, Ok(200));
}
