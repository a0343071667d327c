//! Code cut to a length by meaning: what a test is called, what is unstable in it and what it asserts come first.

/// Longer lines are cut here: they are data.
const LINE: usize = 160;

/// At most about `most` characters of `source`, whole lines in their order, without indentation and blank lines.
/// The source's first line is line `first_line` of its file; the lines in `marked` (of the file) are kept if any are.
pub(super) fn excerpt(source: &str, first_line: u32, marked: &[u32], most: usize) -> String {
    let signature = signature_lines(source);
    let mut in_docstring = false;
    let mut lines: Vec<(u8, usize, String)> = Vec::new();
    for (at, raw) in source.lines().enumerate() {
        let line: String = raw.trim().chars().take(LINE).collect();
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        let was_in_docstring = in_docstring;
        if quotes % 2 == 1 {
            in_docstring = !in_docstring;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let rank = if at < signature || marked.contains(&(first_line + at as u32)) {
            0
        } else if line.starts_with("assert") || line.contains(".assert") || line.contains("raises(") {
            1
        } else if was_in_docstring {
            4
        } else if quotes > 0 {
            2
        } else {
            3
        };
        lines.push((rank, at, line));
    }
    lines.sort();
    let mut left = most;
    let mut kept: Vec<(usize, String)> = Vec::new();
    for (rank, at, line) in lines {
        let length = line.chars().count() + 1;
        if length <= left || kept.is_empty() {
            left = left.saturating_sub(length);
            kept.push((at, line));
        } else if rank > 1 {
            // plain lines are kept from the top without holes
            break;
        }
    }
    kept.sort();
    kept.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// How many lines decorators and signature take: up to the first that ends the `def`.
fn signature_lines(source: &str) -> usize {
    let mut in_def = false;
    for (at, line) in source.lines().enumerate() {
        let line = line.trim();
        in_def |= line.starts_with("def ") || line.starts_with("async def ");
        if in_def && (line.ends_with(':') || line.contains("):") || line.contains(") ->")) {
            return at + 1;
        }
    }
    1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn short_code_stays_whole_without_indentation() {
        assert_eq!(
            excerpt("def test():\n\n    x = 1\n    # why\n    assert x\n", 1, &[], 100),
            "def test():\nx = 1\nassert x"
        );
    }

    #[test]
    fn signature_findings_and_asserts_come_before_the_rest() {
        let source = format!(
            "@mark\ndef test(\n    a,\n):\n{}    sleep(1)\n{}    assert a\n",
            "    filler(a)\n".repeat(50),
            "    filler(a)\n".repeat(50)
        );
        // line 1 of the excerpt's source is line 10 of the file, so `sleep` stands on line 64
        let cut = excerpt(&source, 10, &[64], 55);
        assert_eq!(cut, "@mark\ndef test(\na,\n):\nfiller(a)\nsleep(1)\nassert a");
    }

    #[test]
    fn a_docstring_beyond_its_first_line_comes_last() {
        let source =
            "def test():\n    \"\"\"Locks expire.\n\n    Long story, told at length.\n    \"\"\"\n    x()\n";
        assert_eq!(excerpt(source, 1, &[], 33), "def test():\n\"\"\"Locks expire.\nx()");
    }

    #[test]
    fn very_long_lines_are_cut_and_many_bytes_are_no_trouble() {
        let source = format!("def test():\n    x = '{}'\n", "ö".repeat(5_000));
        assert!(excerpt(&source, 1, &[], 1_000).chars().count() <= 200);
        assert_eq!(excerpt("", 1, &[], 100), "");
    }
}
