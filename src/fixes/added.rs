//! What a patch adds that no test needs: ways out of the process, of its folder and of this machine, markers that
//! hide failures, and attributes that modules do not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::functions::for_each_nested;
use crate::python::Module;
use crate::python::ast::{Expr, ExprKind, Function};
use crate::python::expressions;
use crate::words::is_word_in;

/// Calls with which a patch could do harm, by the end of their path.
const HARMFUL: [&str; 34] = [
    "os.remove",
    "os.unlink",
    "os.rmdir",
    "os.removedirs",
    "os.rename",
    "os.replace",
    "os.system",
    "os.popen",
    "os.kill",
    "os.killpg",
    "os._exit",
    "os.abort",
    "os.fork",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.symlink",
    "shutil.rmtree",
    "shutil.move",
    "shutil.chown",
    "subprocess.run",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "sys.exit",
    "ctypes.CDLL",
    "importlib.import_module",
    "pty.spawn",
    "urllib.request.urlopen",
    "urllib.request.urlretrieve",
    "socket.create_connection",
    "webbrowser.open",
];
/// Built-ins that run text, and methods that remove.
const HARMFUL_NAMES: [&str; 8] =
    ["eval", "exec", "compile", "__import__", "unlink", "rmdir", "rmtree", "execv"];
/// Packages that talk to other machines.
const TALKERS: [&str; 8] =
    ["requests", "httpx", "aiohttp", "urllib3", "ftplib", "smtplib", "telnetlib", "paramiko"];
/// Markers and calls that hide a failure.
const HIDING: [&str; 14] = [
    "skip",
    "skipif",
    "skipIf",
    "skipUnless",
    "skipTest",
    "xfail",
    "flaky",
    "rerunfailures",
    "retry",
    "repeat",
    "expectedFailure",
    "importorskip",
    "only_rerun",
    "retries",
];

/// The paths of everything that a function calls or hands on, names resolved by the imports of the file.
fn paths(module: &Module, function: &Function) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut add = |expr: &Expr| {
        expr.any(&mut |part| {
            if let Some(path) = dotted(part) {
                let (head, rest) = path.split_once('.').unwrap_or((&path, ""));
                let head = module.imports.get(head).map_or(head, |path| &**path);
                out.insert(if rest.is_empty() { head.to_owned() } else { format!("{head}.{rest}") });
            }
            false
        });
    };
    function.decorators.iter().for_each(&mut add);
    for_each_nested(&function.body, &mut |stmt| expressions(stmt).into_iter().for_each(&mut add));
    out
}

fn dotted(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Attribute { value, attr } => Some(match dotted(value) {
            Some(owner) => format!("{owner}.{attr}"),
            // a method of what a call gave
            None => format!("().{attr}"),
        }),
        _ => None,
    }
}

/// What the second version of a function does that no mending of a test needs, in words.
pub(super) fn harm(before: Option<(&Module, &Function)>, after: (&Module, &Function)) -> Vec<String> {
    let old = before.map(|(module, function)| paths(module, function)).unwrap_or_default();
    let new = paths(after.0, after.1);
    let mut out = vec![];
    for path in new.difference(&old) {
        let last = path.rsplit('.').next().unwrap_or(path);
        let first = path.split('.').next().unwrap_or(path);
        if HARMFUL.iter().any(|known| path == known) || HARMFUL_NAMES.contains(&last) {
            out.push(format!("adds `{path}`, which no mending of a test needs"));
        } else if TALKERS.contains(&first) && !old.iter().any(|known| known.split('.').next() == Some(first))
        {
            out.push(format!("adds `{path}`, which talks to other machines"));
        } else if HIDING.contains(&last) && !path.ends_with("contextlib.suppress") {
            out.push(format!("adds `{path}`, which hides the failure"));
        }
    }
    out
}

/// Attributes of modules of the standard library that a patch uses and that stand nowhere in the module's source:
/// `threading.wait_until`. Looked up in `libraries`, the folders of the project's Python; C modules have no source.
pub(super) fn missing(
    before: Option<(&Module, &Function)>,
    after: (&Module, &Function),
    libraries: &[std::path::PathBuf],
) -> Vec<String> {
    let old = before.map(|(module, function)| paths(module, function)).unwrap_or_default();
    let new = paths(after.0, after.1);
    let known: BTreeSet<&str> = after.0.imports.values().map(|path| &**path).collect();
    let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut out = vec![];
    for path in new.difference(&old) {
        let Some((owner, attribute)) = path.rsplit_once('.') else { continue };
        if !known.contains(owner) {
            continue;
        }
        let text = texts
            .entry(owner.to_owned())
            .or_insert_with(|| libraries.iter().find_map(|folder| source_of(folder, owner)));
        if text.as_ref().is_some_and(|text| !says(text, attribute)) {
            out.push(format!("`{owner}` has no `{attribute}`"));
        }
    }
    out
}

fn source_of(folder: &Path, module: &str) -> Option<String> {
    let path = folder.join(module.replace('.', "/"));
    std::fs::read_to_string(path.with_extension("py")).ok().or_else(|| {
        // of a package all files count: it may take its names from any of them
        let mut text = std::fs::read_to_string(path.join("__init__.py")).ok()?;
        for entry in std::fs::read_dir(&path).ok()?.flatten() {
            let is_python = entry.path().extension().is_some_and(|ending| ending == "py");
            text.push_str(
                &std::fs::read_to_string(entry.path()).ok().filter(|_| is_python).unwrap_or_default(),
            );
            text.push_str(&entry.file_name().to_string_lossy());
            text.push('\n');
        }
        Some(text)
    })
}

fn says(text: &str, word: &str) -> bool {
    text.contains("def __getattr__") || text.contains("import *") || is_word_in(word, text)
}
