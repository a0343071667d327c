//! Who else reads and changes the state that a test depends on: inputs beside the 42, told from all tests of a
//! repository at once.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ScannedTest, named};
use crate::effects::{READ, RESET, State, Touch, WRITE};

/// Names of the inputs in [`Shares`], in their order. A test *depends* on a state that it reads, that some test changes,
/// and that its own set-up does not reset; *sharing* are the tests that read or change it.
pub(super) const SHARES: [&str; 7] = [
    // tests that use what it depends on, each counted once
    "sharing",
    "sharing_in_file",
    "sharing_in_class",
    // tests that use exactly the same shared state
    "sharing_the_same",
    // states of which it is the first, the last user
    "first_of_sharing",
    "last_of_sharing",
    // where it stands among their users, from 0 to 1
    "place_among_sharing",
];
/// Of what more tests use than this, only the users in the file are told apart.
const WIDE: usize = 2048;

/// How a test shares state with the others of its repository; one value for each of [`SHARES`]. In JSON an object by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares(pub [f32; SHARES.len()]);

impl Default for Shares {
    /// A test that depends on nothing.
    fn default() -> Shares {
        let mut out = [0.0; SHARES.len()];
        out[6] = 0.5;
        Shares(out)
    }
}

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(SHARES.iter().zip(self.0))
    }
}

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named::values(deserializer, "share", SHARES).map(Shares)
    }
}

/// The tests that use one state, in their order.
#[derive(Default)]
struct Users {
    tests: Vec<u32>,
    changed: bool,
}

/// Tells for every test how it shares state with the others. They are those of one repository, in the order of their files.
pub fn share(tests: &mut [ScannedTest]) {
    let ids: Vec<&str> = tests.iter().map(|test| test.assessment.id.as_str()).collect();
    let touches: Vec<&[Touch]> = tests.iter().map(|test| test.touches.as_slice()).collect();
    let shares = shares(&ids, &touches);
    tests.iter_mut().zip(shares).for_each(|(test, shares)| test.assessment.shares = shares);
}

fn shares(ids: &[&str], touches: &[&[Touch]]) -> Vec<Shares> {
    let mut by_state: FxHashMap<State, Users> = FxHashMap::default();
    for (test, touches) in touches.iter().enumerate() {
        for touch in *touches {
            let users = by_state.entry(touch.state).or_default();
            users.tests.push(test as u32);
            users.changed |= touch.is(WRITE);
        }
    }
    // what nobody changes, or only one test knows, is shared by nobody
    by_state.retain(|_, users| users.changed && users.tests.len() > 1);
    let scopes = Scopes::new(ids);
    let signatures: Vec<u64> = touches
        .par_iter()
        .map(|touches| {
            let shared = touches.iter().filter(|touch| by_state.contains_key(&touch.state));
            shared.fold(0, |sum: u64, touch| sum.wrapping_add(spread(touch.state)))
        })
        .collect();
    let mut same: FxHashMap<u64, f32> = FxHashMap::default();
    for signature in &signatures {
        *same.entry(*signature).or_default() += 1.0;
    }
    // tests that depend on the same states share the same users, which are looked for once
    let depends: Vec<Vec<State>> =
        touches.par_iter().map(|touches| depended_on(touches, &by_state)).collect();
    let alike: FxHashSet<&[State]> = depends.iter().map(Vec::as_slice).collect();
    let users: FxHashMap<&[State], Vec<u32>> =
        alike.into_par_iter().map(|states| (states, users_of(states, &by_state))).collect();
    (0..ids.len())
        .into_par_iter()
        .map(|test| {
            let states = depends[test].as_slice();
            let mut out = of_one(test as u32, states, &users[states], &by_state, &scopes);
            out.0[3] = same[&signatures[test]];
            out
        })
        .collect()
}

fn spread(state: State) -> u64 {
    (u64::from(state) ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29)
}

/// What a test reads that its set-up does not reset, of what is shared.
fn depended_on(touches: &[Touch], by_state: &FxHashMap<State, Users>) -> Vec<State> {
    let read = touches.iter().filter(|touch| touch.is(READ) && !touch.is(RESET)).map(|touch| touch.state);
    read.filter(|state| by_state.contains_key(state)).collect()
}

/// The tests that use some of the states that few enough use, in their order.
fn users_of(states: &[State], by_state: &FxHashMap<State, Users>) -> Vec<u32> {
    let narrow = states.iter().map(|state| &by_state[state].tests).filter(|tests| tests.len() <= WIDE);
    let mut users: Vec<u32> = narrow.flatten().copied().collect();
    users.sort_unstable();
    users.dedup();
    users
}

fn of_one(
    test: u32,
    states: &[State],
    users: &[u32],
    by_state: &FxHashMap<State, Users>,
    scopes: &Scopes,
) -> Shares {
    let mut near: Vec<u32> = scopes.near(users, test).to_vec();
    let elsewhere = users.len() - near.len();
    let (mut widest, mut first, mut last, mut places) = (0, 0.0, 0.0, vec![]);
    for Users { tests, .. } in states.iter().map(|state| &by_state[state]) {
        if tests.len() > WIDE {
            widest = widest.max(tests.len());
            near.extend(scopes.near(tests, test));
        }
        let place = tests.partition_point(|other| *other < test);
        places.push(place as f32 / (tests.len() - 1) as f32);
        first += f32::from(u8::from(place == 0));
        last += f32::from(u8::from(place + 1 == tests.len()));
    }
    near.sort_unstable();
    near.dedup();
    let in_class = near.iter().filter(|other| scopes.same_class(**other, test)).count();
    Shares([
        (elsewhere + near.len()).max(widest) as f32,
        near.len() as f32,
        in_class as f32,
        0.0,
        first,
        last,
        if places.is_empty() { 0.5 } else { places.iter().sum::<f32>() / places.len() as f32 },
    ])
}

/// File and class of each test, as numbers.
struct Scopes(Vec<[u32; 2]>);

impl Scopes {
    fn new(ids: &[&str]) -> Scopes {
        let mut known: FxHashMap<&str, u32> = FxHashMap::default();
        let number = |name, known: &mut FxHashMap<_, u32>| {
            let next = known.len() as u32;
            *known.entry(name).or_insert(next)
        };
        let scopes = ids.iter().map(|id| {
            let file = id.split_once("::").map_or(*id, |(file, _)| file);
            let class = id.rsplit_once("::").map_or(*id, |(class, _)| class);
            [number(file, &mut known), number(class, &mut known)]
        });
        Scopes(scopes.collect())
    }

    fn same_file(&self, one: u32, other: u32) -> bool {
        self.0[one as usize][0] == self.0[other as usize][0]
    }

    fn same_class(&self, one: u32, other: u32) -> bool {
        self.0[one as usize][1] == self.0[other as usize][1]
    }

    /// Those of the file of `test`; files stand together.
    fn near<'t>(&self, tests: &'t [u32], test: u32) -> &'t [u32] {
        let place = tests.partition_point(|other| *other < test);
        let from = tests[..place].iter().rev().take_while(|other| self.same_file(**other, test)).count();
        let to = tests[place..].iter().take_while(|other| self.same_file(**other, test)).count();
        &tests[place - from..place + to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(state: State, how: u8) -> Touch {
        Touch { state, how }
    }

    fn named(shares: &Shares, name: &str) -> f32 {
        SHARES.iter().position(|known| *known == name).map_or(f32::NAN, |place| shares.0[place])
    }

    #[test]
    fn a_reader_knows_who_writes_around_it() {
        let ids = ["a.py::A::test_write", "a.py::A::test_read", "a.py::test_other", "b.py::test_write"];
        let all = [
            vec![touch(1, READ | WRITE), touch(9, READ)],
            vec![touch(1, READ), touch(9, READ)],
            vec![touch(9, READ)],
            vec![touch(1, WRITE)],
        ];
        let touches: Vec<&[Touch]> = all.iter().map(Vec::as_slice).collect();
        let found = shares(&ids, &touches);
        // nobody changes 9, so it is not shared
        assert_eq!(found[2].0, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5]);
        // the second of three users of 1, of which one is in another file
        assert_eq!(found[1].0, [3.0, 2.0, 2.0, 3.0, 0.0, 0.0, 0.5]);
        assert_eq!(named(&found[0], "first_of_sharing"), 1.0);
        // what is only changed is not depended on
        assert_eq!(named(&found[3], "sharing"), 0.0);
    }

    #[test]
    fn what_set_up_resets_is_not_depended_on() {
        let ids = ["a.py::test_a", "a.py::test_b"];
        let all = [vec![touch(1, READ | RESET)], vec![touch(1, READ | WRITE)]];
        let touches: Vec<&[Touch]> = all.iter().map(Vec::as_slice).collect();
        let found = shares(&ids, &touches);
        assert_eq!(named(&found[0], "sharing"), 0.0);
        assert_eq!(named(&found[1], "sharing"), 2.0);
    }
}
