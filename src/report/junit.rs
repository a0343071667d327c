//! `scan --format junit`: each test as a test case, failed where it has a finding at or above the threshold.

use std::collections::BTreeMap;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::risk::{Assessment, SCANNER_SUITE};
use crate::scan::Scan;
use crate::smells::Severity;

/// The report; a suite a file.
///
/// # Errors
/// None that memory does not make: the text is written into a buffer.
pub fn junit(scan: &Scan, threshold: Option<Severity>) -> std::io::Result<Vec<u8>> {
    let threshold = threshold.unwrap_or(Severity::Low);
    let mut files: BTreeMap<&str, Vec<&Assessment>> = BTreeMap::new();
    for test in &scan.tests {
        files.entry(&test.assessment.file).or_default().push(&test.assessment);
    }
    let mut to = Writer::new_with_indent(vec![], b' ', 2);
    to.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Assessment> = files.values().flatten().copied().collect();
    to.write_event(Event::Start(suite("testsuites", SCANNER_SUITE, &all, threshold)))?;
    for (file, tests) in &files {
        to.write_event(Event::Start(suite("testsuite", file, tests, threshold)))?;
        for test in tests {
            case(&mut to, test, threshold)?;
        }
        to.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    to.write_event(Event::End(BytesEnd::new("testsuites")))?;
    let mut out = to.into_inner();
    out.push(b'\n');
    Ok(out)
}

fn suite<'a>(element: &'a str, name: &str, tests: &[&Assessment], threshold: Severity) -> BytesStart<'a> {
    let failures = tests.iter().filter(|test| test.severity >= threshold).count();
    let mut start = BytesStart::new(element);
    start.push_attribute(("name", clean(name).as_str()));
    start.push_attribute(("tests", tests.len().to_string().as_str()));
    start.push_attribute(("failures", failures.to_string().as_str()));
    start.push_attribute(("errors", "0"));
    start
}

fn case(to: &mut Writer<Vec<u8>>, test: &Assessment, threshold: Severity) -> std::io::Result<()> {
    let (before, name) = test.id.rsplit_once("::").unwrap_or(("", &test.id));
    let class = before.strip_suffix(".py").unwrap_or(before).replace(".py::", ".").replace(['/', ':'], ".");
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("classname", clean(&class).as_str()));
    start.push_attribute(("name", clean(name).as_str()));
    start.push_attribute(("file", clean(&test.file).as_str()));
    start.push_attribute(("line", test.line.to_string().as_str()));
    start.push_attribute(("time", "0"));
    if test.severity < threshold {
        return to.write_event(Event::Empty(start));
    }
    to.write_event(Event::Start(start))?;
    let codes: Vec<&str> = test.findings.iter().map(|finding| finding.code.as_str()).collect();
    let mut failure = BytesStart::new("failure");
    failure.push_attribute(("type", test.severity.name()));
    failure.push_attribute(("message", format!("{}: {}", test.severity, codes.join(", ")).as_str()));
    to.write_event(Event::Start(failure))?;
    for finding in &test.findings {
        let line = format!(
            "{}:{}:{} {} {}: {}\n  help: {}\n",
            test.file,
            finding.line,
            finding.column + 1,
            finding.code,
            finding.name,
            finding.message,
            finding.help
        );
        to.write_event(Event::Text(BytesText::new(&clean(&line))))?;
    }
    to.write_event(Event::End(BytesEnd::new("failure")))?;
    to.write_event(Event::End(BytesEnd::new("testcase")))
}

/// Without the characters that no XML document may hold.
fn clean(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'.. => char,
            _ => '\u{fffd}',
        })
        .collect()
}
