//! Sets of characters: `[a-z&&[^b]]`, `\w`, `[[:alpha:]]`, `\p{Greek}`.
//!
//! Which ASCII characters a set holds is known exactly; of all other characters it is only known
//! whether the set may hold some. That is enough to print it for texts of ASCII and to widen it.

/// `[…]`: the characters that are in all of the operands, which are separated by `&&`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Class {
    pub negated: bool,
    pub operands: Vec<Vec<Item>>,
}

/// A part of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Range(char, char),
    /// `\d`, `\w`, `\s`, `\h`: of ASCII, as Ruby has them.
    Perl(Perl),
    NotPerl(Perl),
    /// `[:alpha:]`, `\p{Alpha}`: of Unicode.
    Posix(Posix, bool),
    /// `\p{Greek}`: its name, and whether it is `\P`.
    Property(String, bool),
    Class(Class),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Perl {
    Digit,
    Word,
    Space,
    Hex,
}

impl Perl {
    fn has(self, c: u8) -> bool {
        match self {
            Perl::Digit => c.is_ascii_digit(),
            Perl::Word => c.is_ascii_alphanumeric() || c == b'_',
            Perl::Space => matches!(c, b'\t'..=b'\r' | b' '),
            Perl::Hex => c.is_ascii_hexdigit(),
        }
    }

    /// Its members in a bracket of PCRE2.
    pub fn members(self) -> &'static str {
        match self {
            Perl::Digit => "\\d",
            Perl::Word => "\\w",
            Perl::Space => "\\s",
            Perl::Hex => "0-9A-Fa-f",
        }
    }

    /// The characters outside of it, in a bracket of PCRE2, which has no escape for characters that
    /// are not hexadecimal digits.
    pub fn others(self) -> &'static str {
        match self {
            Perl::Digit => "\\D",
            Perl::Word => "\\W",
            Perl::Space => "\\S",
            Perl::Hex => "",
        }
    }
}

macro_rules! posix {
    ($($variant:ident $name:literal $members:literal $ascii:expr;)*) => {
        /// The sets that have a name in POSIX.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) enum Posix { $($variant),* }

        impl Posix {
            /// The set of a name, in any case.
            pub fn from_name(name: &str) -> Option<Posix> {
                $(if name.eq_ignore_ascii_case($name) { return Some(Posix::$variant); })*
                None
            }

            /// Its members of Unicode in a bracket of PCRE2, as Ruby has them.
            pub fn members(self) -> &'static str {
                match self { $(Posix::$variant => $members),* }
            }

            fn has(self, c: u8) -> bool {
                let has: fn(&u8) -> bool = match self { $(Posix::$variant => $ascii),* };
                has(&c)
            }
        }
    };
}

posix! {
    Alnum "alnum" "\\p{L}\\p{M}\\p{Nd}" u8::is_ascii_alphanumeric;
    Alpha "alpha" "\\p{L}\\p{M}" u8::is_ascii_alphabetic;
    Ascii "ascii" "\\x00-\\x7F" u8::is_ascii;
    Blank "blank" "\\p{Zs}\\t" |c| matches!(c, b' ' | b'\t');
    Cntrl "cntrl" "\\p{C}" u8::is_ascii_control;
    Digit "digit" "\\p{Nd}" u8::is_ascii_digit;
    Graph "graph" "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}\\p{Co}" u8::is_ascii_graphic;
    Lower "lower" "\\p{Ll}" u8::is_ascii_lowercase;
    Print "print" "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}\\p{Co}\\p{Zs}" |c| matches!(c, b' '..=b'~');
    Punct "punct" "\\p{P}$+<=>^`|~" u8::is_ascii_punctuation;
    Space "space" "\\p{Z}\\x09-\\x0D\\x{85}" |c| matches!(c, b'\t'..=b'\r' | b' ');
    Upper "upper" "\\p{Lu}" u8::is_ascii_uppercase;
    Word "word" "\\p{L}\\p{M}\\p{Nd}\\p{Pc}" |c| c.is_ascii_alphanumeric() || *c == b'_';
    Xdigit "xdigit" "0-9A-Fa-f" u8::is_ascii_hexdigit;
}

/// The members of a set as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Set {
    /// ASCII characters that are in it, or may be.
    may: u128,
    /// ASCII characters that are surely in it.
    must: u128,
    /// Other characters may be in it.
    pub may_others: bool,
    must_others: bool,
}

impl Set {
    const NONE: Set = Set { may: 0, must: 0, may_others: false, must_others: false };

    /// Whether this ASCII character may be in it; that is certain if [`Set::is_exact`].
    pub fn has(&self, c: u8) -> bool {
        c < 128 && self.may >> c & 1 == 1
    }

    /// Whether it is certain for all ASCII characters.
    pub fn is_exact(&self) -> bool {
        self.may == self.must
    }

    /// How many ASCII characters may be in it.
    pub fn len(&self) -> u32 {
        self.may.count_ones()
    }

    /// Runs of ASCII characters that may be in it.
    pub fn ranges(&self) -> Vec<(u8, u8)> {
        let mut out: Vec<(u8, u8)> = Vec::new();
        for c in (0..128).filter(|c| self.has(*c)) {
            match out.last_mut() {
                Some((_, end)) if end.wrapping_add(1) == c => *end = c,
                _ => out.push((c, c)),
            }
        }
        out
    }

    /// Everything that is not in it.
    pub fn complement(self) -> Set {
        Set { may: !self.must, must: !self.may, may_others: !self.must_others, must_others: !self.may_others }
    }

    fn union(self, other: Set) -> Set {
        Set {
            may: self.may | other.may,
            must: self.must | other.must,
            may_others: self.may_others || other.may_others,
            must_others: self.must_others || other.must_others,
        }
    }

    fn intersection(self, other: Set) -> Set {
        Set {
            may: self.may & other.may,
            must: self.must & other.must,
            may_others: self.may_others && other.may_others,
            must_others: self.must_others && other.must_others,
        }
    }

    fn of(has: impl Fn(u8) -> bool) -> Set {
        let members = (0..128u8).filter(|c| has(*c)).fold(0, |all, c| all | 1u128 << c);
        Set { may: members, must: members, ..Set::NONE }
    }
}

impl Item {
    /// Its members; with `fold`, in both cases.
    pub fn set(&self, fold: bool) -> Set {
        match self {
            Item::Range(from, to) => {
                let within = |c: u8| (*from..=*to).contains(&char::from(c));
                let either = |c: u8| {
                    within(c) || fold && (within(c.to_ascii_lowercase()) || within(c.to_ascii_uppercase()))
                };
                // Two letters of other alphabets are an `s` and a `k` in another case.
                let far = |c: u8| {
                    fold && (matches!(c, b's' | b'S') && (*from..=*to).contains(&'\u{17f}')
                        || matches!(c, b'k' | b'K') && (*from..=*to).contains(&'\u{212a}'))
                };
                let mut set = Set::of(|c| either(c) || far(c));
                set.may_others = *to > '\u{7f}' || fold && b"sSkK".iter().any(|c| set.has(*c));
                set.must_others = *from <= '\u{80}' && *to == char::MAX;
                set
            }
            Item::Perl(perl) => Set::of(|c| perl.has(c)).folded(fold),
            Item::NotPerl(perl) => Set::of(|c| perl.has(c)).folded(fold).complement(),
            Item::Posix(posix, negated) => {
                let mut set = Set::of(|c| posix.has(c));
                if fold && matches!(posix, Posix::Lower | Posix::Upper) {
                    set = Set::of(|c| c.is_ascii_alphabetic());
                }
                set.may_others = !matches!(posix, Posix::Ascii | Posix::Xdigit) || fold;
                if *negated { set.complement() } else { set }
            }
            Item::Property(..) => Set { may: u128::MAX, must: 0, may_others: true, must_others: false },
            Item::Class(class) => class.set(fold),
        }
    }
}

impl Set {
    /// A `k` or `s` of another alphabet may count among these letters if case does not matter.
    fn folded(mut self, fold: bool) -> Set {
        self.may_others |= fold;
        self
    }
}

impl Class {
    /// A set of one item, or of everything but it.
    pub fn one(item: Item) -> Class {
        Class { negated: false, operands: vec![vec![item]] }
    }

    /// The escape that says the same in PCRE2.
    pub fn short(&self) -> Option<&'static str> {
        let (false, [operand]) = (self.negated, self.operands.as_slice()) else { return None };
        match operand.as_slice() {
            [Item::Perl(Perl::Digit)] => Some("\\d"),
            [Item::Perl(Perl::Word)] => Some("\\w"),
            [Item::Perl(Perl::Space)] => Some("\\s"),
            [Item::NotPerl(Perl::Digit)] => Some("\\D"),
            [Item::NotPerl(Perl::Word)] => Some("\\W"),
            [Item::NotPerl(Perl::Space)] => Some("\\S"),
            _ => None,
        }
    }

    /// Its members; with `fold`, in both cases.
    pub fn set(&self, fold: bool) -> Set {
        let operand = |items: &Vec<Item>| items.iter().map(|i| i.set(fold)).fold(Set::NONE, Set::union);
        let all = self.operands.iter().map(operand).reduce(Set::intersection).unwrap_or(Set::NONE);
        if self.negated { all.complement() } else { all }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Node, parse};

    #[track_caller]
    fn check(text: &str, members: &str, others: bool) {
        let expression = parse(text, &[]).unwrap_or_else(|e| panic!("{text}: {e}"));
        let Node::Class(class) = &expression.root else { panic!("{text}: {:?}", expression.root) };
        let set = class.set(false);
        let shown: String = (b'!'..=b'~').filter(|c| set.has(*c)).map(char::from).collect();
        assert_eq!((shown.as_str(), set.may_others), (members, others), "{text}");
    }

    #[test]
    fn what_is_in_a_set() {
        check("[a-c]", "abc", false);
        check("[]a]", "]a", false);
        check("[a\\-c]", "-ac", false);
        check("[a-c-]", "-abc", false);
        check("[-a]", "-a", false);
        check("[a-c&&[^b]]", "ac", false);
        check("[a-f&&b-z&&[^c]]", "bdef", false);
        check("[a[b-c]d]", "abcd", false);
        check("[[:digit:]x]", "0123456789x", true);
        check("[[:xdigit:]&&[:upper:]]", "ABCDEF", false);
        check("[^[:graph:]]", "", true);
        check("\\h", "0123456789ABCDEFabcdef", false);
        check("[^\\W_a-zA-Z]", "0123456789", false);
        check("[^\\x00-\\x5a\\]-~]", "[\\", true);
        check("[ä-ü]", "", true);
        check("[a&&ä]", "", false);
        check("[[[:alpha:]]&&[^a-zB-Z]]", "A", true);
        check("[[^a]&&[ab]]", "b", false);
    }
}
