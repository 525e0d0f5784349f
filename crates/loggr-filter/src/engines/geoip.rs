//! `geoip`: what a MaxMind database knows of an address becomes fields.
//!
//! Any database in MaxMind's format and with the names of its fields will do: City, Country,
//! ASN, ISP, Enterprise, Anonymous IP. It is held in memory whole, since a mapped file that
//! is overwritten in place would take the process with it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader, geoip2};
use serde::Deserialize;

use super::chosen::{Row, chosen};
use super::watched::Watched;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Tag of an event for whose address the database has an entry that cannot be read.
pub const FAILURE_TAG: &str = "_geoipfailure";
/// Largest database in bytes.
const MAX_DATABASE_BYTES: u64 = 2 << 30;
/// Where `geoipupdate` and packages put databases, looked at after the directory of the
/// configuration.
const STANDARD_DIRECTORIES: [&str; 2] = ["/var/lib/GeoIP", "/usr/share/GeoIP"];
/// The languages of MaxMind's databases.
const LANGUAGES: [&str; 8] = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];

/// A field that can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Country,
    CountryName,
    Continent,
    ContinentName,
    City,
    Region,
    RegionCode,
    Postal,
    Lat,
    Lon,
    Location,
    Accuracy,
    Timezone,
    Asn,
    AsOrg,
    Isp,
    Org,
    Anonymous,
    Network,
}

const FIELDS: [Row<Field>; 19] = [
    (Field::Country, "country", true),
    (Field::CountryName, "country_name", true),
    (Field::Continent, "continent", true),
    (Field::ContinentName, "continent_name", false),
    (Field::City, "city", true),
    (Field::Region, "region", true),
    (Field::RegionCode, "region_code", true),
    (Field::Postal, "postal", true),
    (Field::Lat, "lat", true),
    (Field::Lon, "lon", true),
    (Field::Location, "location", false),
    (Field::Accuracy, "accuracy", false),
    (Field::Timezone, "timezone", true),
    (Field::Asn, "asn", true),
    (Field::AsOrg, "as_org", true),
    (Field::Isp, "isp", true),
    (Field::Org, "org", true),
    (Field::Anonymous, "anonymous", true),
    (Field::Network, "network", false),
];

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "geoip",
    summary: "adds what a MaxMind database knows of an address: place, network, owner",
    parameters: &[
        required(
            "ip",
            Kind::Operand,
            "the address; what is none, and what the database does not know, adds nothing",
        ),
        optional("prefix", Kind::Text, "geo_", "goes before the name of each field"),
        optional(
            "database",
            Kind::Text,
            "GeoLite2-City.mmdb",
            "the file, beside the configuration or in `/var/lib/GeoIP` or `/usr/share/GeoIP`; City, Country, ASN, ISP, Enterprise or Anonymous IP, one for each call; read again when it changes",
        ),
        optional(
            "language",
            Kind::Text,
            "en",
            "of the names: `de`, `en`, `es`, `fr`, `ja`, `pt-BR`, `ru` or `zh-CN`; a name that has no translation comes in English",
        ),
        optional(
            "fields",
            Kind::Texts,
            "",
            "only these, written without the prefix; without it all but `continent_name`, `location`, `accuracy` and `network`",
        ),
    ],
    adds: &[
        ("geo_country", "code of the country, `DE` (ISO 3166-1)"),
        ("geo_country_name", "its name"),
        ("geo_continent", "code of the continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`"),
        ("geo_continent_name", "its name; on request"),
        ("geo_city", "name of the city"),
        ("geo_region", "name of the largest subdivision: state, province, county"),
        ("geo_region_code", "its code with the country's, `GB-ENG` (ISO 3166-2)"),
        ("geo_postal", "postal code"),
        ("geo_lat", "latitude in degrees"),
        ("geo_lon", "longitude in degrees"),
        ("geo_location", "both, `51.75,-1.25`; on request"),
        ("geo_accuracy", "radius around the place in kilometres; on request"),
        ("geo_timezone", "time zone, `Europe/Berlin`"),
        ("geo_asn", "number of the autonomous system"),
        ("geo_as_org", "its organization"),
        ("geo_isp", "name of the provider (ISP database)"),
        ("geo_org", "name of the organization (ISP database)"),
        (
            "geo_anonymous",
            "`vpn`, `hosting`, `proxy`, `residential_proxy`, `tor`, several or none of them (Anonymous IP database)",
        ),
        ("geo_network", "the network that the entry is of, `192.0.2.0/24`; on request"),
        (FAILURE_TAG, "tag: the database is damaged where the address is; the event goes on unchanged"),
    ],
    build,
};

struct Geoip {
    ip: usize,
    language: Language,
    fields: Vec<(Field, String)>,
    database: Watched<Database>,
}

type Database = Reader<Vec<u8>>;

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let language = arguments.text("language");
    let Some(at) = LANGUAGES.iter().position(|l| l.eq_ignore_ascii_case(language)) else {
        let known = LANGUAGES.map(|l| format!("`{l}`")).join(", ");
        return Err(BuildError::argument("language", format!("there are no names in `{language}`"))
            .hint(format!("the languages are {known}")));
    };
    let fields = chosen(arguments, "geoip", &FIELDS)?;
    let database = open(arguments.text("database"), &environment.directory)?;
    Ok(Box::new(Geoip { ip: arguments.operand("ip").unwrap_or(0), language: Language(at), fields, database }))
}

fn open(name: &str, directory: &Path) -> Result<Watched<Database>, BuildError> {
    let mut places: Vec<PathBuf> = vec![directory.join(name)];
    if Path::new(name).is_relative() {
        places.extend(STANDARD_DIRECTORIES.map(|d| Path::new(d).join(name)));
    }
    // One that is there is the one that is meant, also if it cannot be used.
    let Some(path) = places.iter().find(|p| p.exists()) else {
        let looked = places.iter().map(|p| format!("`{}`", p.display())).collect::<Vec<_>>().join(", ");
        return Err(BuildError::argument("database", format!("there is no database `{name}`")).hint(
            format!("it was looked for at {looked}; MaxMind's `geoipupdate` fetches GeoLite2 databases"),
        ));
    };
    Watched::open(path.clone(), MAX_DATABASE_BYTES, load).map_err(|message| {
        BuildError::argument("database", message)
            .hint("`geoip` reads databases in MaxMind's format, `*.mmdb`")
    })
}

/// The first is believed; one that replaces another while events pass is looked through, and
/// has to be of the same kind.
fn load(bytes: Vec<u8>, old: Option<&Database>) -> Result<Database, String> {
    let database = Reader::from_source(bytes).map_err(|e| told(&e))?;
    if let Some(old) = old {
        let kinds = [old, &database].map(|d| kind(&d.metadata().database_type).to_owned());
        if kinds[0] != kinds[1] {
            return Err(format!("it is of the kind `{}`, the one in use is `{}`", kinds[1], kinds[0]));
        }
        database.verify().map_err(|e| told(&e))?;
    }
    Ok(database)
}

/// `City` of `GeoLite2-City`: light and full databases replace each other.
fn kind(database_type: &str) -> &str {
    database_type.rsplit_once('-').map_or(database_type, |(_, kind)| kind)
}

fn told(error: &MaxMindDbError) -> String {
    let text = error.to_string();
    text.strip_prefix("invalid database: ").map_or(text.clone(), str::to_owned)
}

/// All entries of all kinds of databases. What a database has besides is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    city: geoip2::city::City<'a>,
    continent: geoip2::city::Continent<'a>,
    country: geoip2::city::Country<'a>,
    location: Location<'a>,
    postal: geoip2::city::Postal<'a>,
    subdivisions: Vec<geoip2::city::Subdivision<'a>>,
    autonomous_system_number: Option<Number>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
    organization: Option<&'a str>,
    /// Where an Enterprise database has what those of networks have.
    traits: Traits<'a>,
    is_anonymous_vpn: bool,
    is_hosting_provider: bool,
    is_public_proxy: bool,
    is_residential_proxy: bool,
    is_tor_exit_node: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    accuracy_radius: Option<Number>,
    latitude: Option<Number>,
    longitude: Option<Number>,
    time_zone: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Traits<'a> {
    autonomous_system_number: Option<Number>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
    organization: Option<&'a str>,
}

/// A number in whichever type a database has it: not all are MaxMind's.
#[derive(Clone, Copy)]
enum Number {
    Whole(u64),
    Float(f64),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Whole(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number::Float(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Float(number))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(number) => number.fmt(f),
            Number::Float(number) => number.fmt(f),
        }
    }
}

/// Place in [`LANGUAGES`].
#[derive(Clone, Copy)]
struct Language(usize);

impl Language {
    fn of<'n>(self, names: &geoip2::Names<'n>) -> Option<&'n str> {
        let all = [
            names.german,
            names.english,
            names.spanish,
            names.french,
            names.japanese,
            names.brazilian_portuguese,
            names.russian,
            names.simplified_chinese,
        ];
        all.get(self.0).copied().flatten().or(names.english)
    }
}

impl Engine for Geoip {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.ip) else { return Outcome::Nothing };
        let Ok(ip) = text.trim().parse::<IpAddr>() else { return Outcome::Nothing };
        let database = self.database.get();
        let found = match database.lookup(ip.to_canonical()) {
            Ok(found) => found,
            // An IPv6 address in a database of IPv4.
            Err(MaxMindDbError::InvalidInput { .. }) => return Outcome::Nothing,
            Err(_) => return Outcome::Failed(FAILURE_TAG),
        };
        let entry = match found.decode::<Entry<'_>>() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Outcome::Nothing,
            Err(_) => return Outcome::Failed(FAILURE_TAG),
        };
        let mut did = false;
        for (field, name) in &self.fields {
            if *field == Field::Anonymous {
                for (n, word) in entry.anonymous().enumerate() {
                    match n {
                        0 => call.event.set_field(name.as_str(), word),
                        _ => call.event.add_field_value(name.as_str(), word),
                    }
                    did = true;
                }
                continue;
            }
            let value: Option<Cow<'_, str>> = match field {
                Field::Network => found.network().ok().map(|n| n.to_string().into()),
                field => entry.value(*field, self.language),
            };
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                call.event.set_field(name.as_str(), value.into_owned());
                did = true;
            }
        }
        if did { Outcome::Did } else { Outcome::Nothing }
    }

    fn refresh(&self) -> Result<bool, String> {
        self.database.refresh()
    }
}

impl<'a> Entry<'a> {
    fn value(&self, field: Field, language: Language) -> Option<Cow<'a, str>> {
        let region = self.subdivisions.first();
        let number = |n: Option<Number>| n.map(|n| Cow::Owned(n.to_string()));
        let (lat, lon) = (self.location.latitude, self.location.longitude);
        match field {
            Field::Country => self.country.iso_code.map(Cow::Borrowed),
            Field::CountryName => language.of(&self.country.names).map(Cow::Borrowed),
            Field::Continent => self.continent.code.map(Cow::Borrowed),
            Field::ContinentName => language.of(&self.continent.names).map(Cow::Borrowed),
            Field::City => language.of(&self.city.names).map(Cow::Borrowed),
            Field::Region => region.and_then(|r| language.of(&r.names)).map(Cow::Borrowed),
            Field::RegionCode => match (self.country.iso_code, region?.iso_code?) {
                (Some(country), code) => Some(Cow::Owned(format!("{country}-{code}"))),
                (None, code) => Some(Cow::Borrowed(code)),
            },
            Field::Postal => self.postal.code.map(Cow::Borrowed),
            Field::Lat => number(lat),
            Field::Lon => number(lon),
            Field::Location => Some(Cow::Owned(format!("{},{}", lat?, lon?))),
            Field::Accuracy => number(self.location.accuracy_radius),
            Field::Timezone => self.location.time_zone.map(Cow::Borrowed),
            Field::Asn => number(self.autonomous_system_number.or(self.traits.autonomous_system_number)),
            Field::AsOrg => {
                let org = self.autonomous_system_organization.or(self.traits.autonomous_system_organization);
                org.map(Cow::Borrowed)
            }
            Field::Isp => self.isp.or(self.traits.isp).map(Cow::Borrowed),
            Field::Org => self.organization.or(self.traits.organization).map(Cow::Borrowed),
            // Not one value of the entry.
            Field::Anonymous | Field::Network => None,
        }
    }

    fn anonymous(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.is_anonymous_vpn, "vpn"),
            (self.is_hosting_provider, "hosting"),
            (self.is_public_proxy, "proxy"),
            (self.is_residential_proxy, "residential_proxy"),
            (self.is_tor_exit_node, "tor"),
        ];
        all.into_iter().filter(|(is, _)| *is).map(|(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
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
        let documented: Vec<&str> =
            SPEC.adds.iter().filter_map(|(name, _)| name.strip_prefix("geo_")).collect();
        assert_eq!(documented, FIELDS.map(|f| f.1));
        for ((_, name, default), (_, doc)) in FIELDS.iter().zip(SPEC.adds) {
            assert_eq!(!default, doc.ends_with("; on request"), "{name}");
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
}
