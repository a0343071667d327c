//! What people give as a server's address, and what is said where nothing answers there.

/// Adds scheme and port where they are left out.
pub(super) fn normalize(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
    let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_port { url } else { format!("{url}:6334") }
}

/// What may be wrong with an address at which nothing answered.
pub(super) fn hint(url: &str) -> &'static str {
    if url.ends_with(":6333") {
        "; 6333 is usually Qdrant's REST port, and this needs its gRPC port, usually 6334"
    } else {
        ""
    }
}

/// What the transport says is nested; the system's own words stand innermost.
pub(super) fn plain_message(message: &str) -> String {
    let innermost = message.rsplit_once("message: \"").and_then(|(_, rest)| rest.split_once('"'));
    innermost.map_or(message, |(words, _)| words).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_get_scheme_and_port() {
        for (given, used) in [
            ("localhost", "http://localhost:6334"),
            ("localhost:7000", "http://localhost:7000"),
            ("http://qdrant/", "http://qdrant:6334"),
            ("https://x.cloud.qdrant.io", "https://x.cloud.qdrant.io:6334"),
            ("http://127.0.0.1:6333", "http://127.0.0.1:6333"),
        ] {
            assert_eq!(normalize(given), used);
        }
    }

    #[test]
    fn the_rest_port_gets_a_hint() {
        assert!(hint("http://localhost:6333").contains("usually 6334"));
        assert_eq!(hint("http://localhost:6334"), "");
    }

    #[test]
    fn the_systems_own_words_are_kept() {
        let nested =
            r#"Failed to connect: Error(Transport, Os { code: 111, message: "Connection refused" })"#;
        assert_eq!(plain_message(nested), "Connection refused");
        assert_eq!(plain_message("not found"), "not found");
    }
}
