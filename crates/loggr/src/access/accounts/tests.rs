//! Users, roles and tokens: what is refused, and who somebody is.

use super::*;
use crate::access::token::NewToken;

const NOW: i64 = 1_000_000;

fn user(name: &str, role: &str) -> NewUser {
    NewUser { name: name.to_owned(), role: role.to_owned(), ..NewUser::default() }
}

fn role(name: &str, level: Level, filter: &str, hidden: &[&str]) -> Role {
    let hidden = hidden.iter().map(|h| (*h).to_owned()).collect();
    Role { name: name.to_owned(), level, sight: Sight { filter: Some(filter.to_owned()), hidden } }
}

/// anna is an administrator, ole an operator, web sees a part.
fn accounts() -> Accounts {
    let mut all = Accounts::default();
    all.add_role(role("web", Level::Viewer, "host:web*", &["password"])).unwrap();
    for (name, role) in [("anna", "admin"), ("ole", "operator"), ("wim", "web")] {
        all.add_user(user(name, role), NOW).unwrap();
    }
    all.check().unwrap();
    all
}

#[track_caller]
fn check(change: impl FnOnce(&mut Accounts) -> Result<(), Refused>, expect: Result<(), Kind>) {
    let mut all = accounts();
    let done = change(&mut all).and_then(|()| all.check());
    assert_eq!(done.map_err(|refused| refused.kind()), expect);
}

#[test]
fn the_last_administrator_stays() {
    let disabled = || UserChange { disabled: Some(true), ..UserChange::default() };
    let to = |role: &str| UserChange { role: Some(role.to_owned()), ..UserChange::default() };
    check(|all| all.remove_user("anna"), Err(Kind::Forbidden));
    check(|all| all.change_user("anna", disabled()), Err(Kind::Forbidden));
    check(|all| all.change_user("anna", to("viewer")), Err(Kind::Forbidden));
    check(|all| all.change_user("ole", disabled()), Ok(()));
    check(
        |all| {
            all.change_user("ole", to("admin"))?;
            all.remove_user("anna")
        },
        Ok(()),
    );
    let mut none = Accounts::default();
    let refused = none.add_user(user("ole", "operator"), NOW).unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
    assert!(refused.to_string().contains("the first user has to be an administrator"), "{refused}");
    assert_eq!(none.add_user(user("ole", "nothing"), NOW).unwrap_err().kind(), Kind::Bad("role"));
}

#[test]
fn names_and_roles_are_checked() {
    check(|all| all.add_user(user("Anna", "viewer"), NOW), Err(Kind::Bad("name")));
    check(|all| all.add_user(user("a b", "viewer"), NOW), Err(Kind::Bad("name")));
    check(|all| all.add_user(user("new", "nothing"), NOW), Err(Kind::Bad("role")));
    check(|all| all.remove_user("nobody"), Err(Kind::NotFound));
    check(|all| all.change_user("nobody", UserChange::default()), Err(Kind::NotFound));
    check(|all| all.remove_role("web"), Err(Kind::Forbidden));
    check(|all| all.remove_role("admin"), Err(Kind::Forbidden));
    check(|all| all.remove_role("nothing"), Err(Kind::NotFound));
    check(|all| all.add_role(role("web", Level::Viewer, "", &[])), Err(Kind::Bad("name")));
    check(|all| all.change_role(role("nothing", Level::Viewer, "", &[])), Err(Kind::NotFound));
    let sees_less = UserChange { filter: Some("host:a".to_owned()), ..UserChange::default() };
    check(|all| all.change_user("ole", sees_less.clone()), Ok(()));
    check(|all| all.change_user("anna", sees_less), Err(Kind::Bad("level")));
}

#[test]
fn what_ends_the_sessions_of_a_user() {
    let stamp = |all: &Accounts| all.user("ole").unwrap().stamp.clone();
    let check = |change: UserChange, ends: bool| {
        let mut all = accounts();
        let before = stamp(&all);
        all.change_user("ole", change.clone()).unwrap();
        assert_eq!(stamp(&all) != before, ends, "{change:?}");
    };
    check(UserChange { password: Some("$x".to_owned()), ..UserChange::default() }, true);
    check(UserChange { role: Some("viewer".to_owned()), ..UserChange::default() }, true);
    check(UserChange { disabled: Some(true), ..UserChange::default() }, true);
    check(UserChange { role: Some("operator".to_owned()), ..UserChange::default() }, false);
    check(UserChange { display: Some("Ole".to_owned()), ..UserChange::default() }, false);
    let mut all = accounts();
    let before = stamp(&all);
    all.end_sessions("ole").unwrap();
    assert_ne!(stamp(&all), before);
}

/// Role and filter of a bearer, or nothing.
fn bearer(all: &Accounts, secret: &str, now: i64) -> Option<(String, Option<String>)> {
    let found = all.bearer(secret, None, now).unwrap();
    found.map(|who| (who.role, who.filter.map(|query| query.to_string())))
}

fn token(owner: Option<&str>, role: &str) -> NewToken {
    NewToken {
        name: "ci".to_owned(),
        role: role.to_owned(),
        owner: owner.map(str::to_owned),
        maker: None,
        expires: Some(NOW + 10),
    }
}

#[test]
fn a_token_may_what_its_role_and_its_owner_may() {
    let mut all = accounts();
    let (id, ole) = all.add_token(token(Some("ole"), "viewer"), NOW).unwrap();
    let (_, host) = all.add_token(token(None, "admin"), NOW).unwrap();
    let (_, wim) = all.add_token(token(Some("wim"), "web"), NOW).unwrap();
    assert!(ole.starts_with("loggr_") && !format!("{all:?}").contains(&ole));
    assert_eq!(bearer(&all, &ole, NOW), Some(("viewer".to_owned(), None)));
    assert_eq!(bearer(&all, &host, NOW), Some(("admin".to_owned(), None)));
    assert_eq!(bearer(&all, &wim, NOW), Some(("web".to_owned(), Some("source:web*".to_owned()))));
    assert_eq!(bearer(&all, "loggr_", NOW), None);
    assert_eq!(bearer(&all, &ole, NOW + 10), None, "it is over");
    // Whose owner may less now, is disabled, or is gone is nobody's.
    all.change_user("ole", UserChange { role: Some("web".to_owned()), ..UserChange::default() }).unwrap();
    assert_eq!(bearer(&all, &ole, NOW), None);
    all.change_user("ole", UserChange { role: Some("viewer".to_owned()), ..UserChange::default() }).unwrap();
    assert!(bearer(&all, &ole, NOW).is_some());
    all.change_user("ole", UserChange { disabled: Some(true), ..UserChange::default() }).unwrap();
    assert_eq!(bearer(&all, &ole, NOW), None);
    all.remove_token(&id).unwrap();
    all.remove_user("wim").unwrap();
    assert_eq!((bearer(&all, &wim, NOW), all.tokens.len()), (None, 1));
}

#[test]
fn tokens_that_nobody_gets() {
    let check = |new: NewToken, expect: Kind| {
        assert_eq!(accounts().add_token(new, NOW).unwrap_err().kind(), expect);
    };
    check(token(Some("ole"), "admin"), Kind::Bad("role"));
    check(token(Some("wim"), "viewer"), Kind::Bad("role"));
    check(token(Some("nobody"), "viewer"), Kind::NotFound);
    check(token(None, "nothing"), Kind::Bad("role"));
    check(NewToken { expires: Some(NOW), ..token(None, "viewer") }, Kind::Bad("expires"));
    let far = NOW + 36_501 * 86_400_000_000;
    check(NewToken { expires: Some(far), ..token(None, "viewer") }, Kind::Bad("expires"));
    check(NewToken { name: "a b".to_owned(), ..token(None, "viewer") }, Kind::Bad("name"));
}

#[test]
fn a_token_that_a_token_makes_neither_outlives_it_nor_may_more() {
    let mut all = accounts();
    let by = |maker: &str, role: &str, expires| NewToken {
        maker: Some(maker.to_owned()),
        expires,
        ..token(None, role)
    };
    let (first, _) = all.add_token(token(None, "operator"), NOW).unwrap();
    let refused = all.add_token(by(&first, "viewer", Some(NOW + 11)), NOW).unwrap_err();
    assert_eq!(refused.kind(), Kind::Bad("expires"));
    assert!(refused.to_string().contains("which ends at 1970-01-01T00:00:01.0000"), "{refused}");
    assert_eq!(all.add_token(by(&first, "admin", None), NOW).unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(all.add_token(by(&first, "viewer", None), NOW + 10).unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(all.add_token(by("gone", "viewer", None), NOW).unwrap_err().kind(), Kind::Forbidden);
    let (second, shown) = all.add_token(by(&first, "viewer", None), NOW).unwrap();
    assert_eq!(all.tokens[1].expires, Some(NOW + 10), "it ends with its maker");
    let (_, further) = all.add_token(by(&second, "viewer", Some(NOW + 5)), NOW).unwrap();
    assert!(bearer(&all, &shown, NOW).is_some() && bearer(&all, &further, NOW).is_some());
    // The role of the maker may less now.
    all.tokens[0].role = "web".to_owned();
    assert_eq!((bearer(&all, &shown, NOW), bearer(&all, &further, NOW)), (None, None));
    all.tokens[0].role = "operator".to_owned();
    let removed = all.remove_token(&first).unwrap();
    assert_eq!((removed.len(), removed[0].id == first, all.tokens.len()), (3, true, 0));
}

#[test]
fn tokens_make_each_other_so_often() {
    let mut all = accounts();
    let (mut maker, _) = all.add_token(token(None, "viewer"), NOW).unwrap();
    let mut made = 0;
    let refused = loop {
        match all.add_token(NewToken { maker: Some(maker), ..token(None, "viewer") }, NOW) {
            Ok((id, secret)) => {
                assert!(bearer(&all, &secret, NOW).is_some());
                (maker, made) = (id, made + 1);
            }
            Err(refused) => break refused,
        }
    };
    assert_eq!((made, refused.kind()), (8, Kind::Forbidden));
}

#[test]
fn both_filters_of_role_and_user_hold() {
    let mut all = accounts();
    let change = UserChange {
        filter: Some("app:sshd".to_owned()),
        hidden: Some(vec!["pin".to_owned(), "password".to_owned()]),
        ..UserChange::default()
    };
    all.change_user("wim", change).unwrap();
    let who = all.who(all.user("wim").unwrap(), Via::Session, None).unwrap().unwrap();
    assert_eq!(who.filter.unwrap().to_string(), "source:web* app_name:sshd");
    assert_eq!(who.hidden, ["password", "pin"]);
}

#[test]
fn a_filter_that_can_no_longer_be_read_lets_nobody_see_everything() {
    let mut all = accounts();
    all.roles[0].sight.filter = Some("(a OR".to_owned());
    assert!(all.who(all.user("wim").unwrap(), Via::Session, None).is_err());
}

#[test]
fn fields_that_can_no_longer_be_hidden_show_nothing_and_say_who_mends_it() {
    let mut all = accounts();
    assert_eq!(all.troubles(), Vec::<String>::new());
    all.roles[0].sight.hidden = vec!["structured_data".to_owned()];
    let refused = all.who(all.user("wim").unwrap(), Via::Session, None).unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
    assert!(refused.to_string().contains("`wim` with the role `web`"), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.starts_with("an administrator has to change")));
    let role = all.troubles();
    assert!(role.len() == 1 && role[0].contains("`loggr role set web`"), "{role:?}");
    all.change_role(Role { sight: Sight::default(), ..all.roles[0].clone() }).unwrap();
    let wim = all.users.iter_mut().find(|user| user.name == "wim").unwrap();
    wim.sight.hidden = vec!["origin".to_owned()];
    let user = all.troubles();
    assert!(user.len() == 1 && user[0].contains("`loggr user change wim`"), "{user:?}");
}

#[test]
fn the_link_of_a_first_start_is_over_in_time_and_with_the_first_user() {
    let (first, code) = First::new(NOW).unwrap();
    assert!(first.is(&code, NOW) && !first.is("x", NOW));
    assert!(!first.is(&code, NOW + super::super::first::FIRST_LINK_MICROS));
    let mut all = Accounts { first: Some(first), ..Accounts::default() };
    all.add_user(user("anna", "admin"), NOW).unwrap();
    assert_eq!(all.first, None);
}
