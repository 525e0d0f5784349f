//! What is shown to servers: a user with a password, an API key, or a token. Read from files when loggr starts, and
//! never printed.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggr_net::http::{Bearer, Request};

use crate::config::Secret;
use crate::config::ship::Login;

/// The value of the header `Authorization`.
#[derive(Clone, Debug)]
pub struct Authorization(Bearer);

impl Authorization {
    /// Reads the file of the secret.
    ///
    /// # Errors
    /// The file cannot be read, or holds what cannot be shown.
    pub fn read(login: &Login) -> Result<Authorization> {
        let secret = Secret::read(login.file())?;
        let secret = secret.expose();
        Ok(Authorization(match login {
            Login::Password(user, _) => Bearer::of("Basic", &STANDARD.encode(format!("{user}:{secret}")))?,
            // The server shows a key encoded, and its parts beside it.
            Login::ApiKey(_) if secret.contains(':') => {
                Bearer::of("ApiKey", &STANDARD.encode(secret.trim()))?
            }
            Login::ApiKey(_) => Bearer::of("ApiKey", secret)?,
            Login::Token(_) => Bearer::new(secret)?,
        }))
    }

    /// Shows it with a request.
    pub fn show<B>(&self, request: &mut Request<B>) {
        self.0.show(request);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use loggr_net::http::header::AUTHORIZATION;

    use super::*;

    #[track_caller]
    fn check(login: impl Fn(PathBuf) -> Login, secret: &str, expect: &str) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let authorization = Authorization::read(&login(file)).unwrap();
        let mut request = Request::new(());
        authorization.show(&mut request);
        assert_eq!(request.headers()[AUTHORIZATION], expect);
        assert!(!format!("{authorization:?}").contains(secret.trim()));
    }

    #[test]
    fn each_way_to_log_in() {
        let user = |file| Login::Password("loggr".to_owned(), file);
        check(user, "pa:ss wort\n", "Basic bG9nZ3I6cGE6c3Mgd29ydA==");
        check(Login::ApiKey, "aWQ6a2V5\n", "ApiKey aWQ6a2V5");
        check(Login::ApiKey, "id:key\n", "ApiKey aWQ6a2V5");
        check(Login::Token, "tok\n", "Bearer tok");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Authorization::read(&Login::Token("/nowhere/token".into())).unwrap_err();
        assert!(format!("{error:#}").contains("`/nowhere/token`"), "{error:#}");
    }
}
