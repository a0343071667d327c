//! What the rules on files share: which calls write to a path, and where a path leads as far as it is written out.

use super::words::last;
use super::{Context, Reached};
use crate::python::ast::{Call, Expr, ExprKind};
use crate::python::sites::CallSite;

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A fixed path in a folder for everybody's temporary files.
    Shared,
    /// A fixed name relative to the working directory.
    Working,
    /// Somewhere that the test made for itself, or that is not known.
    Elsewhere,
}

/// The expression for the path that a call creates or writes.
pub(super) fn writes_to<'a>(path: &str, site: &CallSite<'a>) -> Option<&'a Expr> {
    let call: &'a Call = site.call;
    let first = call.args.first();
    match path {
        "open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open" | "aiofiles.open" => {
            is_writing(call.argument(1, "mode")?.as_str()?).then_some(first?)
        }
        // whoever made the folder first, this does not mind
        "os.makedirs"
            if call.keyword("exist_ok").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true))) =>
        {
            None
        }
        "os.mkdir" | "os.makedirs" | "os.mkfifo" | "sqlite3.connect" | "shelve.open" | "dbm.open" => first,
        "zipfile.ZipFile" | "tarfile.open" => {
            is_writing(call.argument(1, "mode")?.as_str()?).then_some(first?)
        }
        "shutil.copy" | "shutil.copyfile" | "shutil.copytree" | "shutil.copy2" | "shutil.move" => {
            call.args.get(1)
        }
        _ => {
            let receiver = || match &call.func.kind {
                ExprKind::Attribute { value, .. } => Some(value),
                _ => None,
            };
            // `Path("/tmp") / name` has no path of its own
            if !path.starts_with("pathlib.") && !path.starts_with('~') {
                return None;
            }
            match last(path) {
                "write_text" | "write_bytes" | "touch" | "mkdir" => receiver().map(|value| &**value),
                "open" => {
                    is_writing(call.argument(0, "mode")?.as_str()?).then(receiver)?.map(|value| &**value)
                }
                _ => None,
            }
        }
    }
}

/// Whether a mode of `open` creates or changes the file.
pub(super) fn is_writing(mode: &str) -> bool {
    mode.contains(['w', 'a', 'x', '+'])
}

/// Where a path leads; names are followed to what they were bound to.
pub(super) fn place(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    expr: &Expr,
    order: u32,
    depth: u8,
) -> Option<Place> {
    if depth > 5 {
        return None;
    }
    let follow = |expr: &Expr| place(test, at, expr, order, depth + 1);
    match &expr.kind {
        ExprKind::Str { text, parts } => Some(of_text(text, !parts.is_empty())),
        ExprKind::Name(name) => {
            if let Some(value) = at.sites.bound(name, order) {
                return follow(value);
            }
            let is_local = at.sites.locals.contains_key(&**name);
            let global = test.analysis.view(at.function.module).globals.get(&**name).filter(|_| !is_local)?;
            follow(global.value?)
        }
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) if matches!(&**name, "Path" | "PurePath" | "str") => {
                joined(&call.args, &follow)
            }
            ExprKind::Attribute { value, attr } => match &**attr {
                "gettempdir" => Some(Place::Shared),
                "join" if is_module(at, value) => joined(&call.args, &follow),
                "Path" | "abspath" | "fspath" => joined(&call.args, &follow),
                // of `pathlib`, and of `tmpdir`
                "joinpath" | "join" => {
                    let base = follow(value)?;
                    if call.args.iter().all(is_fixed) { Some(base) } else { None }
                }
                _ => None,
            },
            _ => None,
        },
        ExprKind::Binary { left, op, right } if matches!(&**op, "/" | "+") => {
            let base = follow(left)?;
            if is_fixed(right) || follow(right) == Some(Place::Working) { Some(base) } else { None }
        }
        _ => None,
    }
}

/// The place of parts that are joined: that of the first, if all others are written out.
fn joined(parts: &[Expr], follow: &dyn Fn(&Expr) -> Option<Place>) -> Option<Place> {
    let base = follow(parts.first()?)?;
    let rest = parts[1..].iter().all(|part| is_fixed(part) || follow(part) == Some(Place::Working));
    rest.then_some(base)
}

/// Whether what `join` is called of is `os.path`, by whatever name, and no object of the test.
fn is_module(at: &Reached<'_, '_>, owner: &Expr) -> bool {
    let Some(parts) = owner.dotted() else { return false };
    let is_param = |name: &str| at.function.function.params.iter().any(|param| &*param.name == name);
    matches!(parts.last(), Some(&("path" | "posixpath" | "ntpath" | "osp" | "op")))
        && parts.first().is_some_and(|name| !at.sites.locals.contains_key(*name) && !is_param(name))
}

fn is_fixed(expr: &Expr) -> bool {
    expr.as_str().is_some()
}

fn of_text(text: &str, is_composed: bool) -> Place {
    let text = text.strip_prefix("file://").unwrap_or(text);
    let shared = ["/tmp", "/var/tmp", "/dev/shm", "C:\\\\temp", "C:\\temp", "C:/temp", "/private/tmp"];
    if is_composed || text.contains("XXXX") || text.contains('{') || text.contains('%') {
        return Place::Elsewhere;
    }
    if shared.iter().any(|folder| {
        text.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '\\']))
    }) {
        return Place::Shared;
    }
    let is_relative = !text.starts_with(['/', '~', '\\', ':']) && !text.contains(':') && !text.is_empty();
    if is_relative { Place::Working } else { Place::Elsewhere }
}

/// Whether the test's temporary files all lie in a folder of its own: `tempfile.tempdir = folder`.
pub(super) fn moves_all_temporaries(test: &Context<'_, '_>) -> bool {
    test.reach.iter().any(|reached| reached.sites.writes.iter().any(|write| write.path == "tempfile.tempdir"))
}

/// Whether the test has a file system of its own, by pyfakefs or by a mock of `open`.
pub(super) fn fakes_files(test: &Context<'_, '_>) -> bool {
    let params = &test.case.function.function.params;
    params.iter().any(|param| matches!(&*param.name, "fs" | "fake_filesystem" | "mock_open"))
        || test.fixtures.iter().any(|found| matches!(found.fixture.name, "fs" | "fake_filesystem"))
        || test.mocks.covers("open")
        || test.calls().any(|(_, _, path)| matches!(last(path), "setUpPyfakefs" | "mock_open" | "Patcher"))
}
