//! Brings the built page to where the binary takes it from; a build without one carries an empty page.
//! The copy lies in the target folder, which several clones may share, so no path of a clone gets into it.

use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=web/dist");
    let folder = |name: &str| PathBuf::from(std::env::var_os(name).unwrap_or_default());
    let page = folder("OUT_DIR").join("page");
    if page.exists() {
        std::fs::remove_dir_all(&page)?;
    }
    std::fs::create_dir_all(&page)?;
    let built = folder("CARGO_MANIFEST_DIR").join("web/dist");
    if built.join("index.html").is_file() { copy(&built, &page) } else { Ok(()) }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
