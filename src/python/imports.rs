//! What a file imports, read from its lines without parsing it: enough to know which files others use.
//! A line of a docstring that looks like an import is taken for one, which costs a look at the disk and no more.

/// The dotted paths of all imports: `from a.b import c, d as e` ─▶ `a.b.c`, `a.b.d`; relative ones keep their dots.
pub fn imports(text: &str) -> Vec<String> {
    let mut out = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        let mut next = after;
        if let Some(names) = trimmed.strip_prefix("import ") {
            out.extend(listed(names).map(str::to_owned));
        } else if let Some((module, names)) =
            trimmed.strip_prefix("from ").and_then(|from| from.split_once(" import"))
        {
            let module = module.trim();
            let dot = if module.ends_with('.') { "" } else { "." };
            let names = names.trim();
            let several;
            let names = if names.starts_with('(') || names.ends_with('\\') {
                let all = &rest[line.trim_end().len() - names.len()..];
                let end = if names.starts_with('(') {
                    all.find(')')
                } else {
                    all.match_indices('\n')
                        .map(|(at, _)| at)
                        .find(|at| !all[..*at].trim_end().ends_with('\\'))
                };
                let end = end.unwrap_or(all.len());
                next = all[end..].split_once('\n').map_or("", |(_, after)| after);
                several = all[..end].lines().map(uncommented).collect::<Vec<_>>().join(" ");
                several.trim_start_matches('(')
            } else {
                names
            };
            out.extend(listed(names).map(|name| format!("{module}{dot}{name}")));
        }
        rest = next;
    }
    out
}

fn uncommented(line: &str) -> &str {
    line.split_once('#').map_or(line, |(code, _)| code).trim_end_matches('\\')
}

/// The names of `a, b as c`.
fn listed(names: &str) -> impl Iterator<Item = &str> {
    let names = uncommented(names).split(',');
    names.filter_map(|name| name.split_whitespace().next()).filter(|name| name.bytes().all(is_part))
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'*') || byte >= 128
}

#[cfg(test)]
mod tests {
    use super::imports;

    #[test]
    fn every_form_of_an_import_is_read() {
        let text = "import a.b as c, d  # why\nfrom .x import y\nfrom .. import z\nif T:\n    from m import (\n        \
                    f,  # first\n        g as h,\n    )\nfrom n import i, \\\n    j\nfrom o import *\nx = 1\nimport last";
        let expected =
            ["a.b", "d", ".x.y", "..z", "m.f", "m.g", "n.i", "n.j", "o.*", "last"].map(str::to_owned);
        assert_eq!(imports(text), expected);
    }

    #[test]
    fn what_is_broken_ends() {
        for text in
            ["from a import (b,\n", "from a import \\", "import ", "from", "from x import", "import (\n"]
        {
            imports(text);
        }
    }
}
