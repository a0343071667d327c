//! What is proposed for, and said of, tests that people mended, as they were before.

mod answers;
mod fixes;

pub use answers::{Answered, Answers, Arm, Case, Said, answers, cases};
pub use fixes::{Trial, Tried, trial};

use std::path::Path;

use crate::risk::mended::{Mend, stands_around};
use crate::risk::{Checkout, ScannedTest, matching};
use crate::scan::{Scan, ScanRequest, scan};
use crate::source::git;

/// The file of a mended test, scanned as it was before, on disk for as long as this lives.
struct Before {
    request: ScanRequest,
    scan: Scan,
    /// Where the test stands in the scan.
    place: usize,
    _checkout: Checkout,
}

impl Before {
    /// `None` where repository, commit or test are not there.
    fn of(mend: &Mend, clones: &Path) -> Option<Before> {
        let git_dir = git::find_clone(clones, &mend.repo).ok()?;
        let parent = format!("{}^", mend.commit.trim());
        let keep = |path: &str| stands_around(path, mend.file());
        let checkout = Checkout::new(&git_dir, &mend.repo, &parent, &keep).ok()?;
        let request = ScanRequest {
            paths: vec![checkout.path().join(mend.file())],
            repo: Some(mend.repo.clone()),
            ..ScanRequest::default()
        };
        let scan = scan(&request, None).ok()?;
        let test = matching(&scan.tests, &mend.test_id)?;
        let place = scan.tests.iter().position(|other| std::ptr::eq(other, test))?;
        Some(Before { request, scan, place, _checkout: checkout })
    }

    fn test(&self) -> &ScannedTest {
        &self.scan.tests[self.place]
    }
}
