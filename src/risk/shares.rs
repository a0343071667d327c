//! Who else reads and changes the state that a test depends on: inputs beside the 42, told from all tests of a
//! repository at once.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::ScannedTest;
use crate::effects::{MUTATE, READ, RESET, State, Touch, WRITE};

/// Names of the inputs in [`Shares`], in their order. A test *depends* on a state that it reads, that some test changes,
/// and that its own set-up does not reset; *users* are the tests that read or change it.
pub(super) const SHARES: [&str; 14] = [
    // other users of what it depends on, each counted once
    "users",
    "users_in_file",
    "users_in_class",
    // tests that use exactly the same shared state
    "same_state",
    // states of which it is the first, the last user
    "first_user",
    "last_user",
    // where it stands among their users, from 0 to 1
    "place_among_users",
    // states that tests after it change, that tests before it change and it does not, in the file, and their difference;
    // what few tests change counts more
    "changed_after",
    "changed_before",
    "changed_after_in_file",
    "changed_before_in_file",
    "after_less_before",
    // states that it depends on and changes itself
    "changed_itself",
    // states that it changes and leaves to tests that read them
    "left_to_others",
];
/// Of what more tests use than this, only the users in the file are told apart.
const WIDE: usize = 2048;

/// How a test shares state with the others of its repository; one value for each of [`SHARES`].
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

/// The tests that do something to one state, in their order.
#[derive(Default)]
struct Tests {
    read: Vec<u32>,
    write: Vec<u32>,
    any: Vec<u32>,
}

/// Tells for every test how it shares state with the others. They are those of one repository, in the order of their files.
pub fn share(tests: &mut [ScannedTest]) {
    let ids: Vec<&str> = tests.iter().map(|test| test.assessment.id.as_str()).collect();
    let touches: Vec<&[Touch]> = tests.iter().map(|test| test.touches.as_slice()).collect();
    let shares = shares(&ids, &touches);
    tests.iter_mut().zip(shares).for_each(|(test, shares)| test.shares = shares);
}

fn shares(ids: &[&str], touches: &[&[Touch]]) -> Vec<Shares> {
    let mut by_state: FxHashMap<State, Tests> = FxHashMap::default();
    for (test, touches) in touches.iter().enumerate() {
        for touch in *touches {
            let known = by_state.entry(touch.state).or_default();
            if touch.is(READ) {
                known.read.push(test as u32);
            }
            if touch.is(WRITE) {
                known.write.push(test as u32);
            }
            if touch.is(READ | WRITE) {
                known.any.push(test as u32);
            }
        }
    }
    // what nobody changes, or only one test knows, is shared by nobody
    by_state.retain(|_, tests| !tests.write.is_empty());
    let scopes = Scopes::new(ids);
    let signatures: Vec<u64> = touches
        .par_iter()
        .map(|touches| {
            let shared = touches.iter().filter(|touch| {
                touch.is(READ | WRITE) && by_state.get(&touch.state).is_some_and(|tests| tests.any.len() > 1)
            });
            shared.fold(0, |sum: u64, touch| sum.wrapping_add(spread(touch.state)))
        })
        .collect();
    let mut same: FxHashMap<u64, f32> = FxHashMap::default();
    for signature in &signatures {
        *same.entry(*signature).or_default() += 1.0;
    }
    (0..ids.len())
        .into_par_iter()
        .map_init(FxHashSet::default, |users, test| {
            let mut out = of_one(test as u32, touches[test], &by_state, &scopes, users);
            out.0[3] = same[&signatures[test]];
            out
        })
        .collect()
}

fn spread(state: State) -> u64 {
    (u64::from(state) ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29)
}

fn of_one(
    test: u32,
    touches: &[Touch],
    by_state: &FxHashMap<State, Tests>,
    scopes: &Scopes,
    users: &mut FxHashSet<u32>,
) -> Shares {
    users.clear();
    let (mut widest, mut first, mut last, mut itself) = (0, 0.0, 0.0, 0.0);
    let (mut after, mut before, mut after_near, mut before_near, mut left) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut places = vec![];
    for touch in touches {
        let Some(tests) = by_state.get(&touch.state) else { continue };
        let weight = (tests.write.len() as f32).powf(-0.5);
        if touch.is(WRITE) && !touch.is(RESET) && tests.read.len() > 1 {
            left += weight;
        }
        if !touch.is(READ) || touch.is(RESET) {
            continue;
        }
        if tests.any.len() > 1 {
            if tests.any.len() > WIDE {
                widest = widest.max(tests.any.len());
                users.extend(scopes.near(&tests.any, test));
            } else {
                users.extend(&tests.any);
            }
            let place = tests.any.partition_point(|other| *other < test);
            places.push(place as f32 / (tests.any.len() - 1) as f32);
            first += f32::from(u8::from(place == 0));
            last += f32::from(u8::from(place + 1 == tests.any.len()));
        }
        let next = tests.write.partition_point(|other| *other <= test);
        after += weight * f32::from(u8::from(next < tests.write.len()));
        let is_near = |other: Option<&u32>| other.is_some_and(|other| scopes.same_file(*other, test));
        after_near += weight * f32::from(u8::from(is_near(tests.write.get(next))));
        if !touch.is(WRITE) {
            before += weight * f32::from(u8::from(next > 0));
            before_near += weight * f32::from(u8::from(next > 0 && is_near(tests.write.get(next - 1))));
        }
        itself += f32::from(u8::from(touch.is(MUTATE)));
    }
    let place = if places.is_empty() { 0.5 } else { places.iter().sum::<f32>() / places.len() as f32 };
    let in_file = users.iter().filter(|other| scopes.same_file(**other, test)).count();
    let in_class = users.iter().filter(|other| scopes.same_class(**other, test)).count();
    let all = users.len().max(widest);
    Shares([
        all as f32,
        in_file as f32,
        in_class as f32,
        0.0,
        first,
        last,
        place,
        after,
        before,
        after_near,
        before_near,
        after - before,
        itself,
        left,
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
    fn near<'t>(&self, tests: &'t [u32], test: u32) -> impl Iterator<Item = &'t u32> {
        let place = tests.partition_point(|other| *other < test);
        let from = tests[..place].iter().rev().take_while(|other| self.same_file(**other, test)).count();
        let to = tests[place..].iter().take_while(|other| self.same_file(**other, test)).count();
        tests[place - from..place + to].iter()
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
            vec![touch(1, READ | WRITE | MUTATE), touch(9, READ)],
            vec![touch(1, READ), touch(9, READ)],
            vec![touch(9, READ)],
            vec![touch(1, READ | WRITE)],
        ];
        let touches: Vec<&[Touch]> = all.iter().map(Vec::as_slice).collect();
        let found = shares(&ids, &touches);
        // nobody changes 9, so it is not shared
        assert_eq!(
            found[2],
            Shares({
                let mut none = Shares::default().0;
                none[3] = 1.0;
                none
            })
        );
        let reader = &found[1];
        let expected = [
            ("users", 3.0),
            ("users_in_file", 2.0),
            ("users_in_class", 2.0),
            ("same_state", 3.0),
            ("first_user", 0.0),
            ("place_among_users", 0.5),
            ("changed_after_in_file", 0.0),
        ];
        for (name, value) in expected {
            assert_eq!(named(reader, name), value, "{name}");
        }
        assert!(named(reader, "changed_before") > 0.5 && named(reader, "changed_after") > 0.5);
        assert_eq!(named(&found[0], "changed_before"), 0.0);
        assert_eq!(named(&found[0], "changed_itself"), 1.0);
        assert!(named(&found[3], "left_to_others") > 0.5);
    }

    #[test]
    fn what_set_up_resets_is_not_depended_on() {
        let ids = ["a.py::test_a", "a.py::test_b"];
        let all = [vec![touch(1, READ | WRITE | RESET)], vec![touch(1, READ | WRITE)]];
        let touches: Vec<&[Touch]> = all.iter().map(Vec::as_slice).collect();
        let found = shares(&ids, &touches);
        assert_eq!(named(&found[0], "users"), 0.0);
        assert_eq!(named(&found[1], "users"), 2.0);
    }
}
