//! Which of a server's models answers, where the user named none. Knows models by name and size only.

/// A model that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub name: String,
    /// Size of its file, where the server says.
    pub bytes: Option<u64>,
}

/// Beyond this a model answers too slowly on what most people have, so it comes last.
const SENSIBLE_BYTES: u64 = 12_000_000_000;
/// Parts of names of models made for code.
const CODE: [&str; 9] = [
    "coder",
    "codellama",
    "codestral",
    "devstral",
    "starcoder",
    "codegemma",
    "codeqwen",
    "granite-code",
    "code",
];
/// Parts of names of models that do not write.
const NOT_WRITING: [&str; 11] =
    ["embed", "minilm", "bge-", "bge:", "gte-", "e5-", "arctic", "rerank", "paraphrase", "whisper", "clip"];

/// The model that `configured` names, or `None` where it is not installed. Without a tag it means the tag
/// `latest`, else the best of that family.
pub(super) fn named<'a>(configured: &str, installed: &'a [Installed]) -> Option<&'a str> {
    let exact = |name: &str| installed.iter().find(|model| model.name == name);
    let family = || {
        let prefix = format!("{configured}:");
        let tagless = !configured.contains(':');
        ranked(installed).into_iter().find(|model| tagless && model.name.starts_with(&prefix))
    };
    exact(configured)
        .or_else(|| exact(&format!("{configured}:latest")))
        .or_else(family)
        .map(|model| model.name.as_str())
}

/// The models that can write, the best for code first: made for code before others, bigger before smaller
/// up to a sensible size. Models that run elsewhere than on the server are left out.
pub(super) fn ranked(installed: &[Installed]) -> Vec<&Installed> {
    let mut models: Vec<&Installed> = installed.iter().filter(|model| writes_here(&model.name)).collect();
    models.sort_by_key(|model| {
        let bytes = model.bytes.unwrap_or(0);
        let size = if bytes > SENSIBLE_BYTES { -(bytes as i128) } else { bytes as i128 };
        (std::cmp::Reverse((is_for_code(&model.name), size)), model.name.clone())
    });
    models
}

/// The model to ask: the configured one, or the best installed. `None` where there is neither.
pub fn choose_model<'a>(configured: Option<&str>, installed: &'a [Installed]) -> Option<&'a str> {
    match configured {
        Some(name) => named(name, installed),
        None => ranked(installed).first().map(|model| model.name.as_str()),
    }
}

fn is_for_code(name: &str) -> bool {
    let name = name.to_lowercase();
    CODE.iter().any(|part| name.contains(part))
}

fn writes_here(name: &str) -> bool {
    let name = name.to_lowercase();
    !NOT_WRITING.iter().any(|part| name.contains(part))
        && !name.ends_with(":cloud")
        && !name.ends_with("-cloud")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(list: &[(&str, u64)]) -> Vec<Installed> {
        let of = |(name, megabytes): &(&str, u64)| Installed {
            name: name.to_string(),
            bytes: Some(megabytes * 1_000_000),
        };
        list.iter().map(of).collect()
    }

    #[test]
    fn the_best_for_code_is_chosen() {
        for (installed, expected) in [
            (vec![("smollm2:135m", 98), ("qwen2.5-coder:1.5b", 1117)], Some("qwen2.5-coder:1.5b")),
            (vec![("llama3.1:8b", 4900), ("qwen2.5-coder:0.5b", 398)], Some("qwen2.5-coder:0.5b")),
            (vec![("qwen2.5-coder:1.5b", 1117), ("qwen2.5-coder:7b", 4700)], Some("qwen2.5-coder:7b")),
            (vec![("qwen2.5-coder:32b", 20000), ("qwen2.5-coder:1.5b", 1117)], Some("qwen2.5-coder:1.5b")),
            (vec![("qwen2.5-coder:32b", 20000)], Some("qwen2.5-coder:32b")),
            (vec![("llama3.2:1b", 1300), ("llama3.2:3b", 2000)], Some("llama3.2:3b")),
            (vec![("nomic-embed-text:latest", 274), ("all-minilm:l6-v2", 46)], None),
            (vec![("qwen3-coder:480b-cloud", 0), ("smollm2:135m", 98)], Some("smollm2:135m")),
            (vec![], None),
        ] {
            assert_eq!(choose_model(None, &models(&installed)), expected, "{installed:?}");
        }
    }

    #[test]
    fn a_configured_model_is_taken_or_missed() {
        let installed =
            models(&[("qwen2.5-coder:1.5b", 1117), ("qwen2.5-coder:7b", 4700), ("llama3.2:latest", 2000)]);
        for (configured, expected) in [
            ("qwen2.5-coder:1.5b", Some("qwen2.5-coder:1.5b")),
            ("llama3.2", Some("llama3.2:latest")),
            ("qwen2.5-coder", Some("qwen2.5-coder:7b")),
            ("qwen2.5-coder:3b", None),
            ("qwen2.5", None),
        ] {
            assert_eq!(choose_model(Some(configured), &installed), expected, "{configured}");
        }
    }
}
