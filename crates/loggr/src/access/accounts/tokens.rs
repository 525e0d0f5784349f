//! Tokens among the accounts: how one is made and removed, and whose it is.
//!
//! A program that shows a token may make others with it. Invariant: a token never outlives the one that
//! made it, and never may more: it ends with it at the latest, is removed with it, and is nobody's as soon
//! as the role of the other would not give its own.

use std::net::IpAddr;

use loggr_event::Timestamp;

use super::{Accounts, MAX_TOKENS, person};
use crate::access::refused::{Kind, Refused};
use crate::access::role::{Role, check_name};
use crate::access::secret;
use crate::access::token::{MAX_LIFE_DAYS, MAX_LIFE_MICROS, NewToken, Token};
use crate::access::who::{Via, Who};
use crate::status::stamp;

/// Tokens that made each other, one after the other, at most.
const MAX_MAKERS: usize = 8;

impl Accounts {
    /// Makes a token, and gives its id and its secret.
    pub fn add_token(&mut self, mut new: NewToken, now: i64) -> Result<(String, String), Refused> {
        check_name("token", &new.name)?;
        if self.tokens.len() >= MAX_TOKENS {
            return Err(Refused::new(Kind::Limit, format!("there are {MAX_TOKENS} tokens, no more may be")));
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(Refused::new(Kind::Bad("expires"), "the token would be over before it begins"));
        }
        if new.expires.is_some_and(|expires| expires > now.saturating_add(MAX_LIFE_MICROS)) {
            return Err(too_far());
        }
        let role = self.role(&new.role)?;
        if let Some(owner) = &new.owner {
            let user = self.user(owner).ok_or_else(|| Refused::none("user", owner))?;
            if !self.role(&user.role)?.may_give(&role) {
                let text = format!("the role `{}` may more than `{owner}` may", role.name);
                return Err(
                    Refused::new(Kind::Bad("role"), text).hinted(format!("take the role `{}`", user.role))
                );
            }
        }
        if let Some(maker) = &new.maker {
            new.expires = self.end_of(maker, &role, new.expires, now)?;
        }
        let (token, secret) = Token::new(new, now)?;
        let id = token.id.clone();
        self.tokens.push(token);
        Ok((id, secret))
    }

    /// When a token ends that this one makes with that role.
    fn end_of(
        &self,
        maker: &str,
        role: &Role,
        wanted: Option<i64>,
        now: i64,
    ) -> Result<Option<i64>, Refused> {
        let maker = self.tokens.iter().find(|token| token.id == maker);
        let maker = maker.filter(|maker| !maker.is_over(now)).ok_or_else(|| {
            Refused::new(Kind::Forbidden, "the token that makes it is over or has just been removed")
        })?;
        if !self.role(&maker.role)?.may_give(role) {
            let text = format!("the role `{}` may more than the token that makes it", role.name);
            return Err(Refused::new(Kind::Forbidden, text).hinted(format!("take the role `{}`", maker.role)));
        }
        if self.makers(maker).is_none_or(|makers| makers.len() >= MAX_MAKERS) {
            let text = format!("{MAX_MAKERS} tokens have made each other already, the last one makes none");
            return Err(Refused::new(Kind::Forbidden, text).hinted("make it with an earlier one, or log in"));
        }
        match (wanted, maker.expires) {
            (Some(wanted), Some(end)) if wanted > end => {
                let end = stamp(Timestamp::from_unix_micros(end));
                let text = format!("the token would outlive the one that makes it, which ends at {end}");
                Err(Refused::new(Kind::Bad("expires"), text)
                    .hinted("take an earlier time, or leave it out to have both end together"))
            }
            (wanted, end) => Ok(wanted.or(end)),
        }
    }

    /// The tokens by which it was made, the nearest first; none where one is gone or there are too many.
    fn makers(&self, token: &Token) -> Option<Vec<&Token>> {
        let mut makers: Vec<&Token> = Vec::new();
        let mut next = token.maker.as_deref();
        while let Some(id) = next {
            let maker = self.tokens.iter().find(|token| token.id == id)?;
            if makers.len() >= MAX_MAKERS {
                return None;
            }
            makers.push(maker);
            next = maker.maker.as_deref();
        }
        Some(makers)
    }

    /// Removes a token, and those that were made by it; it is the first of what was removed.
    pub fn remove_token(&mut self, id: &str) -> Result<Vec<Token>, Refused> {
        let mut removed = Vec::new();
        let mut waits = vec![id.to_owned()];
        while let Some(id) = waits.pop() {
            let of = self.tokens.iter().filter(|token| token.maker.as_deref() == Some(&id));
            waits.extend(of.map(|token| token.id.clone()));
            if let Some(at) = self.tokens.iter().position(|token| token.id == id) {
                removed.push(self.tokens.remove(at));
            }
        }
        match removed.first() {
            Some(first) if first.id == id => Ok(removed),
            _ => Err(Refused::none("token", id)),
        }
    }

    /// Who shows a token; nobody if it is not one, is over, or may more than its owner or its maker.
    pub fn bearer(&self, secret: &str, from: Option<IpAddr>, now: i64) -> Result<Option<Who>, Refused> {
        let hash = secret::hash(secret);
        let token = self.tokens.iter().find(|token| secret::same(&token.hash, &hash));
        let Some(token) = token.filter(|token| !token.is_over(now)) else { return Ok(None) };
        let role = self.role(&token.role)?;
        let Some(makers) = self.makers(token) else { return Ok(None) };
        for maker in makers {
            if maker.is_over(now) || !self.role(&maker.role)?.may_give(&role) {
                return Ok(None);
            }
        }
        let Some(owner) = &token.owner else {
            // No user can be called so: a token that is named like one shares nothing with them.
            let who = self.stranger(&format!("token:{}", token.name), &token.role, Via::Token, from)?;
            return Ok(Some(Who { display: token.name.clone(), token: Some(token.id.clone()), ..who }));
        };
        let Some(owner) = self.user(owner).filter(|owner| !owner.disabled) else { return Ok(None) };
        let own = self.role(&owner.role)?;
        if !own.may_give(&role) {
            return Ok(None);
        }
        let who = person(&owner.name, &owner.display, &role, [&role.sight, &owner.sight], Via::Token, from)?;
        Ok(Some(Who { token: Some(token.id.clone()), ..who }))
    }
}

/// The end of a token is further away than any may be.
pub fn too_far() -> Refused {
    let text = format!("this is too far ahead: a token ends within {MAX_LIFE_DAYS} days (100 years)");
    Refused::new(Kind::Bad("expires"), text).hinted("leave it out for a token that does not end")
}
