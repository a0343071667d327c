//! The parsed files of one project together: who imports whom, what a name means across files, which class
//! inherits from which, and each function's [`Sites`].

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::ast::*;
use super::config::PytestConfig;
use super::fixtures::{self, Fixture};
use super::module::{Module, for_each_statement};
use super::sites::{self, Sites};

/// Parsed files and the settings they are read with.
#[derive(Debug)]
pub struct Project {
    pub modules: Vec<Module>,
    pub config: PytestConfig,
    by_file: FxHashMap<String, usize>,
}

impl Project {
    pub fn new(modules: Vec<Module>, config: PytestConfig) -> Project {
        let by_file =
            modules.iter().enumerate().map(|(index, module)| (module.file.clone(), index)).collect();
        Project { modules, config, by_file }
    }

    /// The index of the module at a root-relative path.
    pub fn module_at(&self, file: &str) -> Option<usize> {
        self.by_file.get(file).copied()
    }
}

/// The root-relative files that a dotted path may stand for, seen from a file in `folder`: relative imports
/// by their dots, others from the folder, from each folder above it, and from the root. The most of a path comes first:
/// for `tests.tools.wait` that is `tests/tools.py` at the root rather than a folder `tests` nearby.
pub fn candidates(folder: &str, path: &str) -> Vec<String> {
    let dots = path.bytes().take_while(|byte| *byte == b'.').count();
    let parts: Vec<&str> = path[dots..].split('.').filter(|part| !part.is_empty()).collect();
    let mut folders: Vec<&str> = vec![folder];
    while let Some((above, _)) = folders.last().and_then(|last| last.rsplit_once('/')) {
        folders.push(above);
    }
    if !folder.is_empty() {
        folders.push("");
    }
    if dots > 0 {
        folders = folders.into_iter().skip(dots - 1).take(1).collect();
    }
    let mut out = vec![];
    for length in (0..=parts.len()).rev() {
        for base in folders.iter().copied() {
            let stem =
                std::iter::once(base).filter(|base| !base.is_empty()).chain(parts[..length].iter().copied());
            let stem = stem.collect::<Vec<_>>().join("/");
            if length > 0 {
                out.push(format!("{stem}.py"));
            }
            if dots > 0 || length > 0 {
                out.push(if stem.is_empty() { "__init__.py".into() } else { format!("{stem}/__init__.py") });
            }
        }
    }
    out
}

/// A variable at the top of a module.
#[derive(Debug)]
pub struct Global<'a> {
    pub value: Option<&'a Expr>,
    pub path: Option<String>,
    pub span: Span,
}

impl Global<'_> {
    /// Whether the value can be changed in place.
    pub fn is_mutable(&self) -> bool {
        match self.value.map(|value| &value.kind) {
            Some(ExprKind::List(_) | ExprKind::Dict(_) | ExprKind::Set(_) | ExprKind::Comprehension(_)) => {
                true
            }
            Some(ExprKind::Call(_)) => self.path.as_deref().is_some_and(|path| {
                matches!(
                    path,
                    "list()"
                        | "dict()"
                        | "set()"
                        | "collections.defaultdict()"
                        | "collections.OrderedDict()"
                        | "collections.Counter()"
                        | "collections.deque()"
                )
            }),
            _ => false,
        }
    }
}

/// The functions of a module that have to do with something that outlives them, in the order of the file.
#[derive(Debug, Default)]
pub struct Shared<'a> {
    pub writers: Vec<&'a Function>,
    /// Those that name it; of attributes this is not known.
    pub users: Vec<&'a Function>,
}

/// What one module defines, and what its functions do.
#[derive(Debug)]
pub struct View<'a> {
    pub module: &'a Module,
    pub functions: FxHashMap<&'a str, &'a Function>,
    pub classes: FxHashMap<&'a str, &'a Class>,
    pub globals: FxHashMap<&'a str, Global<'a>>,
    pub fixtures: Vec<Fixture<'a>>,
    /// What functions change that outlives them: variables of the module (`CACHE`), attributes of its classes
    /// (`TestLogin.token`), with them the classes (`TestLogin`), and attributes of what is imported (`time.sleep`).
    pub shared: FxHashMap<String, Shared<'a>>,
    sites: FxHashMap<u32, Sites<'a>>,
    /// By the start of the class.
    members: FxHashMap<u32, Members<'a>>,
}

/// What a class body defines.
#[derive(Debug, Default)]
pub struct Members<'a> {
    pub methods: FxHashMap<&'a str, &'a Function>,
    /// `self.name` ─▶ path of the value that its methods give to it.
    pub self_types: FxHashMap<&'a str, String>,
}

impl<'a> View<'a> {
    pub fn new(module: &'a Module) -> View<'a> {
        let (mut functions, mut classes, mut globals) =
            (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
        for_each_statement(&module.body, &mut |stmt| match &stmt.kind {
            StmtKind::Function(function) => {
                functions.insert(&*function.name, &**function);
            }
            StmtKind::Class(class) => {
                classes.insert(&*class.name, &**class);
            }
            StmtKind::Assign { targets, value, .. } => {
                for name in targets.iter().filter_map(|target| target.as_name()) {
                    let path = value.as_ref().and_then(|value| sites::value_path(value, module));
                    globals.insert(name, Global { value: value.as_ref(), path, span: stmt.span });
                }
            }
            _ => {}
        });
        let mut view = View {
            module,
            functions,
            classes,
            globals,
            fixtures: vec![],
            shared: FxHashMap::default(),
            sites: FxHashMap::default(),
            members: FxHashMap::default(),
        };
        let (mut sites, mut members) = Default::default();
        view.collect_sites(&module.body, &mut sites, &mut members);
        (view.sites, view.members) = (sites, members);
        view.shared = view.collect_shared();
        view.fixtures = fixtures::collect(&view);
        view
    }

    /// Walks the functions once for their writes, and again for who names what is written.
    fn collect_shared(&self) -> FxHashMap<String, Shared<'a>> {
        let mut all: Vec<(&'a Function, Option<&'a str>)> =
            self.functions.values().map(|function| (*function, None)).collect();
        for (name, class) in &self.classes {
            all.extend(methods(class).map(|method| (method, Some(*name))));
        }
        // of several the first in the file is named
        all.sort_unstable_by_key(|(function, _)| function.span.start);
        let mut shared: FxHashMap<String, Shared<'a>> = FxHashMap::default();
        for (function, class) in &all {
            for write in self.sites(function).into_iter().flat_map(|sites| &sites.writes) {
                let own = ["self.__class__.", "type().", "cls."]
                    .iter()
                    .find_map(|own| write.path.strip_prefix(own));
                let is_known =
                    !write.path.starts_with(['@', '~', '#', ':']) && !write.path.starts_with("self.");
                let path = match (own, write.path.strip_prefix(['#', ':'])) {
                    (Some(attribute), _) => format!("{}.{attribute}", class.unwrap_or_default()),
                    (None, Some(path)) => path.to_owned(),
                    (None, None) if is_known && !write.is_item && !write.path.contains('(') => {
                        write.path.clone()
                    }
                    (None, None) => continue,
                };
                let name = path.split(['.', '(', '[']).next().unwrap_or(&path);
                shared.entry(name.to_owned()).or_default();
                let writers = &mut shared.entry(path).or_default().writers;
                if !writers.iter().any(|known| std::ptr::eq(*known, *function)) {
                    writers.push(function);
                }
            }
        }
        if !shared.is_empty() {
            for (function, _) in &all {
                for name in self.sites(function).into_iter().flat_map(|sites| &sites.names_read) {
                    if let Some(shared) = shared.get_mut(*name) {
                        shared.users.push(function);
                    }
                }
            }
        }
        shared
    }

    fn collect_sites(
        &self,
        body: &'a [Stmt],
        out: &mut FxHashMap<u32, Sites<'a>>,
        members: &mut FxHashMap<u32, Members<'a>>,
    ) {
        let defined = |name: &str| self.functions.contains_key(name) || self.classes.contains_key(name);
        let global = |name: &str| {
            self.globals.get(name).map(|global| global.path.clone().unwrap_or_else(|| format!("#{name}")))
        };
        for_each_statement(body, &mut |stmt| match &stmt.kind {
            StmtKind::Function(function) => {
                let sites = sites::collect(function, self.module, &defined, &global);
                out.insert(function.span.start, sites);
            }
            StmtKind::Class(class) => {
                self.collect_sites(&class.body, out, members);
                let of = members.entry(class.span.start).or_default();
                for method in methods(class) {
                    of.methods.insert(&method.name, method);
                    if let Some(sites) = out.get_mut(&method.span.start) {
                        of.self_types.extend(std::mem::take(&mut sites.self_types));
                    }
                }
            }
            _ => {}
        });
    }

    /// What `class`, which stands in this module, defines.
    pub fn members(&self, class: &Class) -> Option<&Members<'a>> {
        self.members.get(&class.span.start)
    }

    /// What `function`, which stands in this module, does.
    pub fn sites(&self, function: &Function) -> Option<&Sites<'a>> {
        self.sites.get(&function.span.start)
    }
}

/// A function and where it is defined.
#[derive(Clone, Copy, Debug)]
pub struct FunctionRef<'a> {
    pub module: usize,
    pub function: &'a Function,
    pub class: Option<&'a Class>,
}

/// A class and where it is defined.
#[derive(Clone, Copy, Debug)]
pub struct ClassRef<'a> {
    pub module: usize,
    pub class: &'a Class,
}

/// Which calls of a function lead to functions in the tree: the call's index in [`Sites::calls`] and its target.
pub(super) type Links<'a> = Vec<(usize, FunctionRef<'a>)>;

/// All modules with their definitions.
#[derive(Debug)]
pub struct Analysis<'a> {
    pub project: &'a Project,
    /// What comes before `views`: the modules that others use, where this is one file on top of them.
    base: Option<&'a Analysis<'a>>,
    views: Vec<View<'a>>,
    /// For each module, by the start of the function.
    links: Vec<FxHashMap<u32, Links<'a>>>,
    /// For each module, whose fixtures its tests see.
    fixture_modules: Vec<Vec<usize>>,
    /// For each module, the autouse fixtures that it imports: their module and place there.
    imported_autouse: Vec<Vec<(usize, usize)>>,
    /// What autouse fixtures of the modules that others use are called.
    autouse_names: FxHashSet<&'a str>,
}

impl<'a> Analysis<'a> {
    pub fn new(project: &'a Project) -> Analysis<'a> {
        let views: Vec<View<'a>> = project.modules.par_iter().map(View::new).collect();
        let fixtures = views.iter().flat_map(|view| &view.fixtures);
        let autouse_names = fixtures.filter(|fixture| fixture.autouse).map(|fixture| fixture.name).collect();
        let mut analysis = Analysis::of(project, None, views, autouse_names);
        let all = 0..analysis.views.len();
        analysis.links = all.clone().into_par_iter().map(|module| analysis.link(module)).collect();
        analysis.fixture_modules = all.clone().map(|module| analysis.conftests(module)).collect();
        analysis.imported_autouse = all.map(|module| analysis.autouse_imports(module)).collect();
        analysis
    }

    fn of(
        project: &'a Project,
        base: Option<&'a Analysis<'a>>,
        views: Vec<View<'a>>,
        autouse_names: FxHashSet<&'a str>,
    ) -> Analysis<'a> {
        let (links, fixture_modules, imported_autouse) = Default::default();
        Analysis { project, base, views, links, fixture_modules, imported_autouse, autouse_names }
    }

    /// A file that no other uses, seen on top of those that `base` knows; its index is [`Analysis::own`].
    pub fn over(base: &'a Analysis<'a>, module: &'a Module) -> Analysis<'a> {
        let views = vec![View::new(module)];
        let mut analysis = Analysis::of(base.project, Some(base), views, FxHashSet::default());
        analysis.links = vec![analysis.link(analysis.own())];
        analysis.fixture_modules = vec![analysis.conftests(analysis.own())];
        analysis.imported_autouse = vec![analysis.autouse_imports(analysis.own())];
        analysis
    }

    /// The autouse fixtures that a module imports, by name or all at once.
    fn autouse_imports(&self, module: usize) -> Vec<(usize, usize)> {
        let names = &self.base.unwrap_or(self).autouse_names;
        if names.is_empty() {
            return vec![];
        }
        let imports = &self.view(module).module.imports;
        let is_named = |path: &str| path.rsplit('.').next().is_some_and(|last| names.contains(last));
        let named = imports.iter().filter(|(_, path)| is_named(path)).map(|(name, _)| &**name);
        let all = names.iter().copied().filter(|_| imports.contains_key("*"));
        let found = named.chain(all).filter_map(|name| self.imported_fixture(module, name));
        let mut out: Vec<_> = found
            .filter(|(from, place)| *from != module && self.view(*from).fixtures[*place].autouse)
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The module and the place there of the fixture that a module imports under a name.
    pub(super) fn imported_fixture(&self, module: usize, name: &str) -> Option<(usize, usize)> {
        let imports = &self.view(module).module.imports;
        let path = imports.get(name).map(|path| &**path);
        let path = path.or_else(|| imports.contains_key("*").then_some(name))?;
        let found = self.function(module, path)?;
        let is_it = |fixture: &Fixture<'a>| std::ptr::eq(fixture.function, found.function);
        Some((found.module, self.view(found.module).fixtures.iter().position(is_it)?))
    }

    /// The autouse fixtures that a module imports.
    pub(super) fn imported_autouse(&self, module: usize) -> &[(usize, usize)] {
        let (analysis, index) = self.place(module);
        &analysis.imported_autouse[index]
    }

    /// The index of the first module that `base` does not know.
    pub fn own(&self) -> usize {
        self.base.map_or(0, |base| base.views.len())
    }

    fn link(&self, module: usize) -> FxHashMap<u32, Links<'a>> {
        let mut known: FxHashMap<&str, Option<FunctionRef<'a>>> = FxHashMap::default();
        let mut out = FxHashMap::default();
        for (start, sites) in &self.view(module).sites {
            let mut links = vec![];
            for (index, site) in sites.calls.iter().enumerate() {
                if site.path.starts_with(['@', '~', '#']) || site.path.contains("()") {
                    continue;
                }
                let target = *known.entry(&site.path).or_insert_with(|| self.function(module, &site.path));
                links.extend(target.map(|target| (index, target)));
            }
            if !links.is_empty() {
                out.insert(*start, links);
            }
        }
        out
    }

    /// Who knows a module, and as which of its own.
    fn place(&self, module: usize) -> (&Analysis<'a>, usize) {
        match self.base {
            Some(base) if module < self.own() => (base, module),
            _ => (self, module - self.own()),
        }
    }

    /// The calls of a function that lead to functions in the tree (methods of its own class left out).
    pub fn links(&self, of: FunctionRef<'a>) -> &[(usize, FunctionRef<'a>)] {
        let (analysis, index) = self.place(of.module);
        analysis.links[index].get(&of.function.span.start).map_or(&[], |links| links)
    }

    /// The modules whose fixtures a test in `module` sees, nearest first: itself and each `conftest.py` above.
    pub fn fixture_modules(&self, module: usize) -> &[usize] {
        let (analysis, index) = self.place(module);
        &analysis.fixture_modules[index]
    }

    pub fn view(&self, module: usize) -> &View<'a> {
        let (analysis, index) = self.place(module);
        &analysis.views[index]
    }

    pub fn sites(&self, of: FunctionRef<'a>) -> Option<&Sites<'a>> {
        self.view(of.module).sites(of.function)
    }

    /// The module that the beginning of a dotted path names, and the rest of the path.
    fn module_of<'p>(&self, from: usize, path: &'p str) -> Option<(usize, &'p str)> {
        let folder = self.view(from).module.folder();
        let dots = path.bytes().take_while(|byte| *byte == b'.').count();
        // `..Base` is `Base` of the package above
        let module = match path[dots..].rsplit_once('.') {
            Some((module, _)) => &path[..dots + module.len()],
            None => path.get(..dots).filter(|dots| !dots.is_empty())?,
        };
        candidates(folder, module).into_iter().find_map(|file| {
            let index = self.project.module_at(&file)?;
            let stem = file.trim_end_matches(".py").trim_end_matches("/__init__");
            let last = stem.rsplit('/').next().unwrap_or(stem);
            let rest = match path.rfind(&format!("{last}.")) {
                Some(at) => &path[at + last.len() + 1..],
                None => path.trim_start_matches('.'),
            };
            (index != from).then_some((index, rest))
        })
    }

    /// The definition that a resolved path names, followed through re-exports.
    fn definition<T>(
        &self,
        from: usize,
        path: &str,
        depth: u8,
        pick: &dyn Fn(usize, &str) -> Option<T>,
    ) -> Option<T> {
        if let Some(name) = path.strip_prefix(':') {
            return pick(from, name);
        }
        if depth > 4 {
            return None;
        }
        if let Some((module, rest)) = self.module_of(from, path) {
            if let Some(found) = pick(module, rest) {
                return Some(found);
            }
            let imports = &self.view(module).module.imports;
            if let Some(next) = imports.get(rest) {
                return self.definition(module, next, depth + 1, pick);
            }
            let stars = imports.get("*")?;
            return self.definition(module, &format!("{stars}.{rest}"), depth + 1, pick);
        }
        // a bare name may come from `from x import *`
        if !path.contains('.')
            && let Some(star) = self.view(from).module.imports.get("*")
        {
            return self.definition(from, &format!("{star}.{path}"), depth + 1, pick);
        }
        None
    }

    /// The function in the tree that a resolved path names.
    pub fn function(&self, from: usize, path: &str) -> Option<FunctionRef<'a>> {
        self.definition(from, path, 0, &|module, name| {
            let function = *self.view(module).functions.get(name)?;
            Some(FunctionRef { module, function, class: None })
        })
    }

    /// The value of the module variable in the tree that an import names, and the module it stands in.
    pub fn global(&self, from: usize, path: &str) -> Option<(usize, &'a Expr)> {
        self.definition(from, path, 0, &|module, name| {
            Some((module, self.view(module).globals.get(name)?.value?))
        })
    }

    /// The class in the tree that a resolved path names.
    pub fn class(&self, from: usize, path: &str) -> Option<ClassRef<'a>> {
        self.definition(from, path, 0, &|module, name| {
            let class = *self.view(module).classes.get(name)?;
            Some(ClassRef { module, class })
        })
    }

    /// The class itself and its bases in the tree, nearest first, and the dotted names of bases elsewhere.
    pub fn lineage(&self, class: ClassRef<'a>) -> (Vec<ClassRef<'a>>, Vec<String>) {
        let (mut inside, mut outside) = (vec![class], vec![]);
        let mut next = 0;
        while next < inside.len() && inside.len() < 64 {
            let current = inside[next];
            next += 1;
            let view = self.view(current.module);
            for base in &current.class.bases {
                let Some(mut path) = sites::value_path(base, view.module) else { continue };
                if view.classes.contains_key(&*path) {
                    path.insert(0, ':');
                }
                // a tree may hold a module of this name, as Twisted's does
                let found =
                    if path.starts_with("unittest.") { None } else { self.class(current.module, &path) };
                match found {
                    Some(found) => {
                        if !inside.iter().any(|known| std::ptr::eq(known.class, found.class)) {
                            inside.push(found);
                        }
                    }
                    None => outside.push(path),
                }
            }
        }
        (inside, outside)
    }

    /// The method called `name` of the first class of a lineage that has one.
    pub fn method(&self, lineage: &[ClassRef<'a>], name: &str) -> Option<FunctionRef<'a>> {
        lineage.iter().find_map(|owner| {
            let function = *self.view(owner.module).members(owner.class)?.methods.get(name)?;
            Some(FunctionRef { module: owner.module, function, class: Some(owner.class) })
        })
    }
}

/// The functions in a class body, also under `if` and `try`.
pub fn methods(class: &Class) -> impl Iterator<Item = &Function> {
    let mut out = vec![];
    for_each_statement(&class.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind {
            out.push(&**function);
        }
    });
    out.into_iter()
}
