//! Tests of `geoip`.

use std::io::Write as _;

use serde_json::json;

use super::super::mmdb::database;
use super::super::testing::{Bench, wrong};
use super::*;

fn city() -> Vec<u8> {
    let oxford = json!({
        "city": {"names": {"en": "Oxford", "ja": "オックスフォード"}},
        "continent": {"code": "EU", "names": {"en": "Europe", "de": "Europa"}},
        "country": {"iso_code": "GB", "names": {"en": "United Kingdom", "de": "Vereinigtes Königreich"}},
        "location": {"accuracy_radius": 20, "latitude": 51.75, "longitude": -1.25, "time_zone": "Europe/London"},
        "postal": {"code": "OX1"},
        "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}, {"iso_code": "OXF"}],
        "unknown": {"new": [1, 2, {"deep": true}]},
    });
    let bare = json!({"country": {"iso_code": "DE"}});
    let strange = json!({"city": "no map", "country": {"iso_code": "FR"}});
    let all = [("192.0.2.0/25", oxford), ("198.51.100.0/24", bare), ("203.0.113.7/32", strange)];
    database("GeoLite2-City", &all)
}

fn home(files: &[(&str, Vec<u8>)]) -> (tempfile::TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let environment = Environment::new(dir.path());
    (dir, environment)
}

/// Fields and tags after the filter, as `name=value` in the order in which they were added.
fn after(bench: &Bench, ip: &str) -> String {
    let mut event = bench.event(&[("ip", ip)]);
    bench.run(&mut event, 0);
    let fields = event.fields.iter().skip(1).map(|f| format!("{}={}", f.name, f.values.join("+")));
    fields.chain(event.tags.iter().map(|t| t.to_string())).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(arguments: &str, ip: &str, expect: &str) {
    let (_dir, environment) = home(&[("GeoLite2-City.mmdb", city())]);
    let bench = Bench::with(&format!("if geoip([ip]{arguments}) {{ tags += \"yes\" }}"), &environment);
    assert_eq!(after(&bench, ip), expect, "{arguments} {ip}");
}

#[test]
fn what_the_database_knows() {
    let all = "geo_country=GB geo_country_name=United Kingdom geo_continent=EU geo_city=Oxford geo_region=England geo_region_code=GB-ENG geo_postal=OX1 geo_lat=51.75 geo_lon=-1.25 geo_timezone=Europe/London yes";
    check("", "192.0.2.1", all);
    check("", " 192.0.2.127 ", all);
    check("", "::ffff:192.0.2.1", all);
    check("", "198.51.100.200", "geo_country=DE yes");
    check(
        ", fields=(\"country\", \"city\"), prefix=\"src.\"",
        "192.0.2.1",
        "src.country=GB src.city=Oxford yes",
    );
    check(
        ", fields=(\"network\", \"location\", \"accuracy\", \"continent_name\")",
        "192.0.2.1",
        "geo_network=192.0.2.0/25 geo_location=51.75,-1.25 geo_accuracy=20 geo_continent_name=Europe yes",
    );
    check(
        ", language=\"de\", fields=(\"country_name\", \"city\")",
        "192.0.2.1",
        "geo_country_name=Vereinigtes Königreich geo_city=Oxford yes",
    );
    check(", language=\"ja\", fields=\"city\"", "192.0.2.1", "geo_city=オックスフォード yes");
    check(", fields=\"city\"", "198.51.100.200", "");
}

#[test]
fn what_is_not_known_adds_nothing() {
    for ip in ["192.0.2.128", "10.0.0.1", "127.0.0.1", "::1", "2001:db8::1", "host", "", "192.0.2.1:80"] {
        check("", ip, "");
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_a_tag() {
    check("", "203.0.113.7", "_geoipfailure");
}

#[test]
fn networks_and_their_owners() {
    let asn = json!({"autonomous_system_number": 64500, "autonomous_system_organization": "Example"});
    let isp = json!({"isp": "Provider", "organization": "Customer", "autonomous_system_number": 64501});
    let enterprise = json!({"country": {"iso_code": "US"}, "traits": {"isp": "P", "organization": "O", "autonomous_system_number": 1}});
    let hidden = json!({"is_anonymous": true, "is_anonymous_vpn": true, "is_tor_exit_node": true});
    let files = [
        ("asn.mmdb", database("GeoLite2-ASN", &[("192.0.2.0/24", asn)])),
        ("isp.mmdb", database("GeoIP2-ISP", &[("192.0.2.0/24", isp)])),
        ("enterprise.mmdb", database("GeoIP2-Enterprise", &[("192.0.2.0/24", enterprise)])),
        ("hidden.mmdb", database("GeoIP2-Anonymous-IP", &[("192.0.2.0/24", hidden)])),
    ];
    let (_dir, environment) = home(&files);
    let check = |name: &str, expect: &str| {
        let bench = Bench::with(&format!("geoip([ip], database=\"{name}.mmdb\")"), &environment);
        assert_eq!(after(&bench, "192.0.2.9"), expect, "{name}");
    };
    check("asn", "geo_asn=64500 geo_as_org=Example");
    check("isp", "geo_asn=64501 geo_isp=Provider geo_org=Customer");
    check("enterprise", "geo_country=US geo_asn=1 geo_isp=P geo_org=O");
    check("hidden", "geo_anonymous=vpn+tor");
}

#[test]
fn a_changed_database_is_taken_and_a_wrong_one_is_not() {
    let (dir, environment) = home(&[("GeoLite2-City.mmdb", city())]);
    let path = dir.path().join("GeoLite2-City.mmdb");
    let bench = Bench::with("geoip([ip], fields=\"country\")", &environment);
    let now = || after(&bench, "192.0.2.1");
    let (program, shown) = (bench.program(), path.display().to_string());
    let refuses = |expect: &str| {
        let (changed, errors) = program.refresh();
        let errors: Vec<String> = errors.iter().map(|e| e.replace(&shown, "F")).collect();
        assert_eq!((changed, errors), (false, vec![expect.to_owned()]));
        assert_eq!(program.refresh(), (false, vec![]), "it is said once");
        assert_eq!(now(), "geo_country=GB");
    };
    assert_eq!((program.refresh(), now().as_str()), ((false, vec![]), "geo_country=GB"));

    let moved = json!({"country": {"iso_code": "IS"}});
    let next = database("GeoIP2-City", &[("192.0.2.0/24", moved)]);
    // Written in place, as `cp` does: the old one must survive the half of it.
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&next[..next.len() / 2]).unwrap();
    refuses("cannot use the changed `F`: could not find MaxMind DB metadata in file");
    std::fs::write(
        &path,
        database("GeoLite2-ASN", &[("192.0.2.0/24", json!({"autonomous_system_number": 1}))]),
    )
    .unwrap();
    refuses("cannot use the changed `F`: it is of the kind `ASN`, the one in use is `City`");
    let mut damaged = next.clone();
    let at = damaged.windows(7).position(|w| w == b"country").unwrap();
    damaged[at - 1] = 0xff;
    std::fs::write(&path, &damaged).unwrap();
    let (changed, errors) = program.refresh();
    assert!(!changed && errors.len() == 1 && now() == "geo_country=GB", "{errors:?}");

    std::fs::write(dir.path().join("new"), &next).unwrap();
    std::fs::rename(dir.path().join("new"), &path).unwrap();
    assert_eq!((program.refresh(), now().as_str()), ((true, vec![]), "geo_country=IS"));
}

#[test]
fn the_documented_fields_are_those_that_there_are() {
    let documented: Vec<&str> = SPEC.adds.iter().filter_map(|(name, _)| name.strip_prefix("geo_")).collect();
    assert_eq!(documented, FIELDS.map(|f| f.1));
    for ((_, name, default), (_, doc)) in FIELDS.iter().zip(SPEC.adds) {
        assert_eq!(!default, doc.ends_with("; only if named in `fields`"), "{name}");
        let fields = SPEC.parameters.iter().find(|p| p.name == "fields").unwrap();
        assert_eq!(!default, fields.doc.contains(&format!("`{name}`")), "{name}");
    }
    for language in LANGUAGES {
        assert!(SPEC.parameters[3].doc.contains(&format!("`{language}`")), "{language}");
    }
}

#[test]
fn the_address_may_be_anything() {
    use proptest::prelude::*;
    let (_dir, environment) = home(&[("GeoLite2-City.mmdb", city())]);
    let bench = Bench::with("geoip([ip])", &environment);
    proptest!(|(text in "\\PC{0,40}", ip in any::<std::net::Ipv4Addr>())| {
        after(&bench, &text);
        after(&bench, &ip.to_string());
    });
}

#[test]
fn wrong_calls() {
    let files = [("GeoLite2-City.mmdb", city()), ("text.mmdb", b"no database".to_vec())];
    let (_dir, environment) = home(&files);
    let calls = [
        "geoip()",
        "geoip([ip], database=\"GeoLite2-Citi.mmdb\")",
        "geoip([ip], database=\"/nonexistent/x.mmdb\")",
        "geoip([ip], database=\"text.mmdb\")",
        "geoip([ip], database=\".\")",
        "geoip([ip], language=\"it\")",
        "geoip([ip], fields=\"contry\")",
        "geoip([ip], fields=(\"city\", \"population\"))",
        "geoip([ip], prefix=[p])",
    ];
    wrong("geoip", &environment, &calls);
}

/// They lie beside the repository or not, and nothing can fetch them.
#[test]
fn maxminds_own_test_databases() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let (city, asn) = ("GeoLite2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb");
    if !data.join(city).exists() || !data.join(asn).exists() {
        writeln!(std::io::stderr(), "SKIPPED: no databases in {}", data.display()).unwrap();
        return;
    }
    let check = |name: &str, ip: &str, expect: &str| {
        let filter = format!("geoip([ip], database=\"{name}\")");
        assert_eq!(after(&Bench::with(&filter, &Environment::new(&data)), ip), expect, "{name} {ip}");
    };
    let london = "geo_country=GB geo_country_name=United Kingdom geo_continent=EU geo_city=London geo_region=England geo_region_code=GB-ENG geo_lat=51.5142 geo_lon=-0.0931 geo_timezone=Europe/London";
    check(city, "81.2.69.142", london);
    let japan = "geo_country=JP geo_country_name=Japan geo_continent=AS geo_lat=35.68536 geo_lon=139.75309 geo_timezone=Asia/Tokyo";
    check(city, "2001:218::1", japan);
    check(city, "10.1.2.3", "");
    check(city, "192.168.0.1", "");
    check(asn, "1.128.0.1", "geo_asn=1221 geo_as_org=Telstra Pty Ltd");
    check(asn, "2600:6000::1", "geo_asn=237 geo_as_org=Merit Network Inc.");
    check(asn, "10.1.2.3", "");
}
