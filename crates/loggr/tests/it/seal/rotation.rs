//! A new key takes the place of the old one, and what the old one has sealed stays good as long as it is
//! there.

use super::{Keys, check_store, send, verify};
use crate::support::{Loggr, Setup};

#[test]
fn an_old_key_verifies_and_the_new_one_seals() {
    let of = Keys::new(&["a", "c"]);
    let mut loggr = Loggr::with(Setup {
        listener_keys: "seal = \"sign\"".to_owned(),
        more: of.section(&["a", "c"]),
        ..Setup::default()
    });
    send(&loggr, &["sealed with the old key"]);
    loggr.stored(1, 60);
    // The key of the first file becomes that of the second, and another one takes its place.
    of.write("a", "b");
    of.write("c", "a");
    loggr.stop();
    loggr.up();
    send(&loggr, &["sealed with the new key"]);
    loggr.stored(2, 60);
    let (code, _, numbers) = verify(&loggr, &[]);
    assert_eq!((code, &numbers["keys"]["ka"], &numbers["keys"]["kc"]), (Some(0), &1.into(), &1.into()));
    let text = loggr.ask(&["verify"]);
    assert!(text.contains("           1    sealed with the key `kc`"), "{text}");
    // Without the old key its seals are broken, and nothing tells that from a change.
    of.write("c", "d");
    check_store(&loggr, &[], [1, 0, 1]);
    check_store(&loggr, &["old"], [0, 0, 1]);
}
