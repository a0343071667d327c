//! How many tokens a text is, for any model: an estimate from its characters that errs upwards. Knows no
//! tokenizer, since every model has its own.

/// Windows of context to choose from; a server loads its model anew for every other one.
const STEPS: [u32; 4] = [4096, 8192, 16384, 32768];

/// At most so many tokens is this text for models with a vocabulary of 100,000 and more, 1.3 times what they
/// need in the mean; small vocabularies may need a tenth more.
///
/// Words of common length are one token; each digit, each mark and each line break is one; what is not
/// ASCII may be one a byte. Runs of spaces are one.
pub(super) fn estimate(text: &str) -> u32 {
    let mut tokens = 0;
    let mut letters = 0;
    let mut previous = ' ';
    for character in text.chars() {
        if character.is_ascii_alphabetic() {
            // A word begins also where a capital follows a small letter.
            if character.is_ascii_uppercase() && previous.is_ascii_lowercase() {
                letters = 0;
            }
            letters += 1;
            tokens += u32::from(letters == 1 || (letters - 1) % 6 == 0);
        } else {
            letters = 0;
            tokens += match character {
                // A single space belongs to the word after it; an indentation is a token of its own.
                ' ' | '\t' => u32::from(previous == '\n'),
                character if character.is_ascii() => 1,
                character => character.len_utf8() as u32,
            };
        }
        previous = character;
    }
    tokens
}

/// The smallest window that holds so many tokens, or the largest there is.
pub(super) fn window(tokens: u32) -> u32 {
    STEPS.into_iter().find(|step| tokens <= *step).unwrap_or(STEPS[STEPS.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_prose_and_other_scripts_are_counted() {
        for (text, expected) in [
            ("", 0),
            ("the test sleeps", 3),
            ("asyncio.sleep(0.25)", 10),
            ("\n        return x", 4),
            ("isConnected", 3),
            ("日本", 6),
        ] {
            assert_eq!(estimate(text), expected, "{text:?}");
        }
    }

    #[test]
    fn windows_are_few() {
        assert_eq!([1, 4096, 4097, 20000, 90000].map(window), [4096, 4096, 8192, 32768, 32768]);
    }
}
