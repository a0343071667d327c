//! Says where the built page lies, so that it gets into the binary; a build without one carries an empty page.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=web/dist");
    let built = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("web/dist");
    let page = if built.join("index.html").is_file() {
        built
    } else {
        let empty = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("page");
        if let Err(error) = std::fs::create_dir_all(&empty) {
            println!("cargo:warning=no folder for an empty page: {error}");
        }
        empty
    };
    println!("cargo:rustc-env=FLAKYDETECTOR_PAGE={}", page.display());
}
