//! Test reports in JUnit's XML, as pytest (both families), unittest-xml-reporting, nose2 and Maven's Surefire write
//! them. Knows nothing of repositories and of what is remembered.

use std::io::Read;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a test ended in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    /// Failed or in error, and not passed later in the run.
    Failed,
    /// Failed, and passed when it was run again.
    Retried,
    Skipped,
}

/// One test case of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// `tests.test_lock.TestLock`, `tests.test_lock`, or nothing.
    pub class: String,
    /// With its parameters: `test_expires[3]`.
    pub name: String,
    /// `tests/test_lock.py`, where the report tells.
    pub file: Option<String>,
    pub outcome: Outcome,
    /// What the failure said.
    pub message: Option<String>,
}

/// One run of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub cases: Vec<Case>,
    /// When it started, if the report says.
    pub time: Option<Timestamp>,
    /// The commit, if a property of the report names it.
    pub commit: Option<String>,
}

/// What [`crate::report`] calls its suites: a scan shows no outcome.
pub const SCANNER_SUITE: &str = "flakydetector";

/// Why a file is no report.
#[derive(Debug, Error)]
pub enum JunitError {
    #[error("it is empty")]
    Empty,
    #[error("it has a document type, which no report needs and which can hide entities that never end")]
    DocumentType,
    #[error("its root is <{0}>, not <testsuites> or <testsuite>")]
    Root(String),
    #[error("it is the report of a scan, and tells of no run")]
    Scan,
    #[error("it is broken XML near byte {at}: {reason}")]
    Broken { at: u64, reason: String },
    #[error("it ends in the middle")]
    Cut,
    #[error("it is damaged gzip: {0}")]
    Gzip(std::io::Error),
    #[error("it is larger than {} MB", MOST >> 20)]
    Large,
}

/// The most that one report may be, unpacked.
const MOST: u64 = 256 << 20;
/// Properties in which pipelines note the commit.
const COMMIT: [&str; 8] =
    ["commit", "git_sha", "git_commit", "sha", "revision", "github_sha", "ci_commit_sha", "build_vcs_number"];

/// Reads a report, gzipped or not.
///
/// # Errors
/// It is no whole report, or not a safe one.
pub fn read(bytes: &[u8]) -> Result<Run, JunitError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = vec![];
        GzDecoder::new(bytes).take(MOST + 1).read_to_end(&mut unpacked).map_err(JunitError::Gzip)?;
        if unpacked.len() as u64 > MOST {
            return Err(JunitError::Large);
        }
        return parse(&decode(&unpacked));
    }
    if bytes.len() as u64 > MOST {
        return Err(JunitError::Large);
    }
    parse(&decode(bytes))
}

/// UTF-8, or Latin-1 where the declaration says so.
fn decode(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declaration = head.split("?>").next().unwrap_or_default();
    if ["iso-8859-1", "latin-1", "windows-1252"].iter().any(|name| declaration.contains(name)) {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

fn parse(text: &str) -> Result<Run, JunitError> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().check_end_names = true;
    let mut run = Run::default();
    let (mut open, mut depth, mut seen_root) = (None::<Case>, 0_usize, false);
    // the text of the failure that is open
    let mut inside = false;
    loop {
        let at = reader.buffer_position();
        let event =
            reader.read_event().map_err(|error| JunitError::Broken { at, reason: error.to_string() })?;
        match event {
            Event::DocType(_) => return Err(JunitError::DocumentType),
            Event::Start(start) => {
                depth += 1;
                inside = element(&mut run, &mut open, &start, &mut seen_root)?;
            }
            Event::Empty(start) => {
                element(&mut run, &mut open, &start, &mut seen_root)?;
                if start.local_name().as_ref() == b"testcase" {
                    run.cases.extend(open.take());
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                inside = false;
                if end.local_name().as_ref() == b"testcase" {
                    run.cases.extend(open.take());
                }
            }
            Event::Text(text) if inside => {
                // without a message attribute the last line of the text says what happened
                if let Some(case) =
                    open.as_mut().filter(|case| case.message.as_deref().is_none_or(str::is_empty))
                {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    case.message =
                        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
                }
            }
            Event::Eof if !seen_root => return Err(JunitError::Empty),
            Event::Eof if depth > 0 => return Err(JunitError::Cut),
            Event::Eof => return Ok(run),
            _ => {}
        }
    }
}

/// Takes in one start of an element; whether its text may be a failure's.
fn element(
    run: &mut Run,
    open: &mut Option<Case>,
    start: &BytesStart<'_>,
    seen_root: &mut bool,
) -> Result<bool, JunitError> {
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    if !std::mem::replace(seen_root, true) && !matches!(&*name, "testsuites" | "testsuite") {
        return Err(JunitError::Root(name));
    }
    if name == "testsuites" && attribute(start, "name").as_deref() == Some(SCANNER_SUITE) {
        return Err(JunitError::Scan);
    }
    if let Some(time) = attribute(start, "timestamp").and_then(|text| time_of(&text)) {
        run.time = Some(run.time.map_or(time, |known| known.min(time)));
    }
    let message = || attribute(start, "message").filter(|message| message != "test failure");
    match &*name {
        "property" => {
            let named =
                attribute(start, "name").is_some_and(|name| COMMIT.contains(&&*name.to_ascii_lowercase()));
            if named && run.commit.is_none() {
                run.commit = attribute(start, "value").filter(|value| !value.is_empty());
            }
        }
        "testcase" => {
            *open = Some(Case {
                class: attribute(start, "classname").unwrap_or_default(),
                name: attribute(start, "name").unwrap_or_default(),
                file: attribute(start, "file"),
                outcome: Outcome::Passed,
                message: None,
            });
        }
        "failure" | "error" | "rerunFailure" | "rerunError" => {
            if let Some(case) = open {
                case.outcome = Outcome::Failed;
                case.message = case.message.take().or_else(message);
            }
            return Ok(true);
        }
        "flakyFailure" | "flakyError" => {
            if let Some(case) = open.as_mut().filter(|case| case.outcome != Outcome::Failed) {
                case.outcome = Outcome::Retried;
                case.message = case.message.take().or_else(message);
            }
            return Ok(true);
        }
        "skipped" => {
            if let Some(case) = open.as_mut().filter(|case| case.outcome == Outcome::Passed) {
                case.outcome = Outcome::Skipped;
            }
        }
        _ => {}
    }
    Ok(false)
}

/// An attribute with XML's five entities resolved; others stay as they are written.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
    Some(match found.unescape_value() {
        Ok(value) => value.into_owned(),
        Err(_) => String::from_utf8_lossy(&found.value).into_owned(),
    })
}

/// `2026-11-20T10:15:00+01:00`; without an offset it is taken as UTC.
fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.replace(' ', "T").parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn outcomes(xml: &str) -> Vec<Outcome> {
        read(xml.as_bytes()).unwrap().cases.iter().map(|case| case.outcome).collect()
    }

    #[test]
    fn every_ending_is_told_apart() {
        let xml = r#"<?xml version="1.0"?><testsuites><testsuite timestamp="2026-11-20T10:00:00+01:00">
            <properties><property name="git_sha" value="abc"/></properties>
            <testcase classname="tests.test_a.TestA" name="test_one[1]"/>
            <testcase classname="tests.test_a" name="test_two"><failure message="assert 1 == 2">long</failure></testcase>
            <testcase classname="tests.test_a" name="test_three"><error message="boom"/></testcase>
            <testcase classname="tests.test_a" name="test_four"><skipped/></testcase>
            <testcase classname="A" name="five"><flakyFailure message="late"/></testcase>
            <testcase classname="A" name="six"><failure/><rerunFailure message="late"/></testcase>
            </testsuite></testsuites>"#;
        let run = read(xml.as_bytes()).unwrap();
        use Outcome::{Failed, Passed, Retried, Skipped};
        assert_eq!(outcomes(xml), [Passed, Failed, Failed, Skipped, Retried, Failed]);
        assert_eq!(run.commit.as_deref(), Some("abc"));
        assert_eq!(run.time.unwrap().to_string(), "2026-11-20T09:00:00Z");
        assert_eq!(run.cases[1].message.as_deref(), Some("assert 1 == 2"));
    }

    #[test]
    fn gzip_latin_and_a_lone_suite_are_read() {
        use std::io::Write as _;
        let xml = "<testsuite><testcase classname='t' name='a'><failure>x\nE: gr\u{f6}\u{df}e</failure></testcase></testsuite>";
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        packed.write_all(xml.as_bytes()).unwrap();
        assert_eq!(read(&packed.finish().unwrap()).unwrap().cases[0].message.as_deref(), Some("E: größe"));
        let latin: Vec<u8> =
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{xml}").chars().map(|c| c as u8).collect();
        assert_eq!(read(&latin).unwrap().cases[0].message.as_deref(), Some("E: größe"));
    }

    #[test]
    fn what_is_no_report_is_refused_in_words() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"#;
        let outside = r#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite name="&a;"/>"#;
        let said = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(said(bomb).contains("document type"));
        assert!(said(outside).contains("document type"));
        assert!(said("<html></html>").contains("<html>"));
        assert!(said("").contains("empty"));
        assert!(said("<testsuite><testcase name='a'>").contains("middle"));
        assert!(said("<testsuite></wrong>").contains("broken"));
        assert!(matches!(read(&[0x1f, 0x8b, 0, 1, 2]), Err(JunitError::Gzip(_))));
        assert_eq!(read(b"<testsuite><testcase name='&b;'/></testsuite>").unwrap().cases[0].name, "&b;");
    }
}
