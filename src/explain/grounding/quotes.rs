//! The parts of a sentence that can be looked up: quoted code, calls, addresses, markup, numbers.

/// Something that a sentence claims to stand in a source.
#[derive(Debug, PartialEq)]
pub(super) struct Quote(String);

impl Quote {
    /// `quotable` is a source, [`squeezed`]. A name with an empty or elided pair of brackets is the name.
    pub(super) fn stands_in(&self, quotable: &str) -> bool {
        let quote = squeezed(&self.0);
        let trimmed = quote.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let name = ["()", "(...)", "(…)"].iter().find_map(|empty| trimmed.strip_suffix(empty));
        quotable.contains(&quote)
            || quotable.contains(trimmed)
            || name.is_some_and(|name| {
                quotable.contains(&format!("{name}(")) || quotable.contains(&format!("`{name}`"))
            })
    }
}

/// The text without white space and with one kind of quotation mark, so that layout does not matter.
pub(super) fn squeezed(text: &str) -> String {
    let plain = |character| match character {
        '\'' | '‘' | '’' | '“' | '”' => '"',
        other => other,
    };
    text.chars().filter(|character| !character.is_whitespace()).map(plain).collect()
}

/// What a sentence quotes: everything in backticks, code and phrases in quotation marks, calls, addresses
/// and markup.
pub(super) fn quoted(text: &str) -> Vec<Quote> {
    let mut quotes: Vec<Quote> = spans(text, '`', '`').into_iter().map(Quote).collect();
    let outside = without_spans(text);
    for (open, close) in [('"', '"'), ('“', '”')] {
        quotes
            .extend(spans(&outside, open, close).into_iter().filter(|inside| is_verbatim(inside)).map(Quote));
    }
    quotes.extend(single_quoted(&outside).into_iter().filter(|inside| looks_like_code(inside)).map(Quote));
    quotes.extend(calls(&outside).into_iter().map(Quote));
    quotes.extend(addresses(&outside).into_iter().map(Quote));
    quotes.extend(markup(&outside).into_iter().map(Quote));
    quotes.retain(|quote| !quote.0.trim().is_empty());
    quotes
}

/// The sentence without its code in backticks.
pub(super) fn prose(text: &str) -> String {
    without_spans(text)
}

/// The words of a text, without what surrounds them.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Every number that stands in a source, inside of names too.
pub(super) fn numbers_in(text: &str) -> Vec<f64> {
    let mut numbers = Vec::new();
    for part in text.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let part = part.trim_matches('.');
        numbers.extend(part.parse::<f64>());
        // Of a version such as 3.11.2 every part, and of a range such as 1..5 both ends.
        numbers.extend(part.split('.').filter_map(|piece| piece.parse::<f64>().ok()));
    }
    numbers
}

/// A number of a sentence, in the units in which the evidence may have it.
#[derive(Debug)]
pub(super) struct Claimed {
    value: f64,
    also: Option<f64>,
}

impl Claimed {
    pub(super) fn is(&self, known: f64) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        same(self.value, known) || self.also.is_some_and(|also| same(also, known))
    }
}

/// The numbers of prose. A digit inside a word (`utf8`, `T1`) is no number.
pub(super) fn claimed_numbers(prose: &str) -> impl Iterator<Item = Claimed> {
    let characters: Vec<char> = prose.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        if !characters[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < characters.len()
            && (characters[at].is_ascii_digit()
                || (matches!(characters[at], '.' | ',')
                    && characters.get(at + 1).is_some_and(char::is_ascii_digit)))
        {
            at += 1;
        }
        let before = start.checked_sub(1).map(|i| characters[i]);
        let before_that = start.checked_sub(2).map(|i| characters[i]);
        let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            || (before == Some('-') && before_that.is_some_and(char::is_alphabetic));
        let digits: String = characters[start..at].iter().filter(|c| **c != ',').collect();
        let unit: String = characters[at..]
            .iter()
            .skip_while(|c| **c == ' ')
            .take_while(|c| c.is_alphabetic() || **c == '%')
            .collect();
        if let Ok(value) = digits.parse::<f64>()
            && !in_word
        {
            let also = match unit.as_str() {
                "ms" | "millisecond" | "milliseconds" => Some(value / 1000.0),
                "s" | "sec" | "second" | "seconds" => Some(value * 1000.0),
                "%" | "percent" => Some(value / 100.0),
                _ => None,
            };
            found.push(Claimed { value, also });
        }
    }
    found.into_iter()
}

fn spans(text: &str, open: char, close: char) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once(open) {
        let Some((span, after)) = inside.split_once(close) else { break };
        found.push(span.to_string());
        rest = after;
    }
    found
}

fn without_spans(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An unpaired mark at the end quotes nothing.
    let paired = parts.len() % 2 == 1;
    let keep = |(n, part): (usize, &&str)| {
        (n % 2 == 0 || (!paired && n + 1 == parts.len())).then(|| part.to_string())
    };
    parts.iter().enumerate().filter_map(keep).collect::<Vec<_>>().join(" ")
}

/// Between apostrophes that stand like quotation marks, not like those of "doesn't".
fn single_quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\'') {
        let opens = rest[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "([{=,".contains(c));
        let inside = &rest[at + 1..];
        match inside.find('\'').filter(|_| opens) {
            Some(end) => {
                found.push(inside[..end].to_string());
                rest = &inside[end + 1..];
            }
            None => rest = inside,
        }
    }
    found
}

/// A phrase in quotation marks is taken at its word; a single word may be an emphasis.
fn is_verbatim(inside: &str) -> bool {
    looks_like_code(inside) || inside.split_whitespace().count() >= 3
}

fn looks_like_code(inside: &str) -> bool {
    inside.contains(['_', '(', ')', '[', ']', '{', '}', '=', '/', '\\', '<', '>', '@'])
        || inside.contains("::")
        || inside.trim_end_matches('.').contains('.')
        || inside.chars().any(|c| c.is_ascii_digit())
}

/// Names that stand directly before a bracket: `asyncio.sleep(0.5)` without backticks.
fn calls(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('(') {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let name: String = text[..at].chars().rev().take_while(|c| is_name(*c)).collect();
        let name: String = name.chars().rev().collect();
        // "the test(s)", "retry(ies)": an ending, not a call.
        let inside = text[at + 1..].split(')').next().unwrap_or_default();
        let ending = matches!(inside, "s" | "es" | "ies" | "en");
        if name.chars().any(char::is_alphabetic) && !ending {
            found.push(name);
        }
    }
    found
}

fn addresses(text: &str) -> Vec<String> {
    let is_address = |word: &&str| word.contains("://") || word.starts_with("www.") || word.contains("](");
    let trimmed = |word: &str| word.trim_matches(|c: char| "()[]<>,.;:!?\"'".contains(c)).to_string();
    text.split_whitespace().filter(is_address).map(trimmed).collect()
}

/// Tags: `<` directly before a name, up to its `>`.
fn markup(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('<') {
        let inside = &text[at..];
        let begins = inside[1..].chars().next().is_some_and(|c| c.is_alphabetic() || c == '/' || c == '!');
        if begins && let Some(end) = inside.find('>') {
            found.push(inside[..=end].to_string());
        }
    }
    found
}
