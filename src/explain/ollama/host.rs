//! Where Ollama listens, out of `OLLAMA_HOST` in every form that Ollama's own client takes.

use std::net::IpAddr;

use reqwest::Url;
use thiserror::Error;

/// Port of an address without scheme and port.
const PORT: &str = "11434";

/// An `OLLAMA_HOST` that names no server.
#[derive(Debug, Error)]
#[error("OLLAMA_HOST is '{value}': {reason}; write it as 127.0.0.1:11434 or http://host:port")]
pub struct HostError {
    value: String,
    reason: String,
}

/// The base address of the server, its path ending in `/`. An empty value is the default; spaces and
/// quotes around it are no part of it; an address that means "every interface" becomes this machine's.
pub fn parse(value: &str) -> Result<Url, HostError> {
    let trimmed = value.trim().trim_matches(['"', '\'']).trim();
    let refuse = |reason: String| HostError { value: value.to_string(), reason };

    let (scheme, rest, default_port) = match trimmed.split_once("://") {
        None if trimmed == "ollama.com" => ("https", trimmed, "443"),
        None => ("http", trimmed, PORT),
        Some(("http", rest)) => ("http", rest, "80"),
        Some(("https", rest)) => ("https", rest, "443"),
        Some((other, _)) => return Err(refuse(format!("'{other}' is neither http nor https"))),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = split(authority);
    let host = host.trim_matches(['[', ']']);
    let host = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => "127.0.0.1".to_string(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => "[::1]".to_string(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) if host.is_empty() => "127.0.0.1".to_string(),
        Err(_) => host.to_string(),
    };
    let port = port.filter(|port| port.parse::<u16>().is_ok()).unwrap_or(default_port);
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    Url::parse(&format!("{scheme}://{host}:{port}/{path}{slash}")).map_err(|error| refuse(error.to_string()))
}

/// Host and port of an authority: `host`, `host:port`, `:port`, `port`, `[v6]:port`, `v6`.
fn split(authority: &str) -> (&str, Option<&str>) {
    if authority.parse::<IpAddr>().is_ok() {
        return (authority, None);
    }
    // A number alone would be a host that nobody has.
    if !authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_digit()) {
        return ("", Some(authority));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        for (value, expected) in [
            ("", "http://127.0.0.1:11434/"),
            ("10.1.2.3", "http://10.1.2.3:11434/"),
            ("10.1.2.3:99", "http://10.1.2.3:99/"),
            (":4711", "http://127.0.0.1:4711/"),
            ("4711", "http://127.0.0.1:4711/"),
            ("models.example", "http://models.example:11434/"),
            ("models.example:99", "http://models.example:99/"),
            ("models.example:", "http://models.example:11434/"),
            ("models.example:many", "http://models.example:11434/"),
            ("models.example:70000", "http://models.example:11434/"),
            ("models.example:-1", "http://models.example:11434/"),
            ("0.0.0.0", "http://127.0.0.1:11434/"),
            ("0.0.0.0:99", "http://127.0.0.1:99/"),
            ("::1", "http://[::1]:11434/"),
            ("[::1]", "http://[::1]:11434/"),
            ("[::1]:99", "http://[::1]:99/"),
            ("[::]:99", "http://[::1]:99/"),
            ("::", "http://[::1]:11434/"),
            ("http://models.example", "http://models.example/"),
            ("http://models.example:99", "http://models.example:99/"),
            ("http://0.0.0.0:99", "http://127.0.0.1:99/"),
            ("http://[::]", "http://[::1]/"),
            ("https://models.example", "https://models.example/"),
            ("https://models.example:99/", "https://models.example:99/"),
            ("https://models.example/behind/proxy", "https://models.example/behind/proxy/"),
            ("models.example:99/ollama/", "http://models.example:99/ollama/"),
            ("ollama.com", "https://ollama.com/"),
            ("  '127.0.0.1:99' ", "http://127.0.0.1:99/"),
            ("\" 127.0.0.1:99 \"", "http://127.0.0.1:99/"),
        ] {
            assert_eq!(parse(value).unwrap().as_str(), expected, "{value:?}");
        }
    }

    #[test]
    fn what_names_no_server_is_refused_with_words() {
        let error = parse("ftp://models.example").unwrap_err().to_string();
        assert!(error.contains("'ftp' is neither http nor https"), "{error}");
        assert!(parse("http://exa mple").is_err());
    }
}
