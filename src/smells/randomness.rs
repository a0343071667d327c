//! What the rules on randomness share: which calls draw, which seed, and which values come from a draw.

use rustc_hash::FxHashSet;

use super::mend::Mend;
use super::origins::own_attribute;
use super::words::last;
use super::{Context, Fix, Reached, Role, Severity};
use crate::python::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use crate::python::for_each_statement;
use crate::python::sites::{At, CallSite};

/// Draws of the standard library's generator.
pub(super) fn draws_stdlib(path: &str) -> bool {
    let Some(name) = path.strip_prefix("random.").map(|rest| rest.strip_prefix("Random().").unwrap_or(rest))
    else {
        return path.strip_prefix("secrets.").is_some_and(|name| {
            matches!(name, "choice" | "randbelow" | "randbits") || name.starts_with("SystemRandom().")
        });
    };
    matches!(
        name,
        "random"
            | "randint"
            | "randrange"
            | "choice"
            | "choices"
            | "sample"
            | "shuffle"
            | "uniform"
            | "gauss"
            | "normalvariate"
            | "lognormvariate"
            | "betavariate"
            | "expovariate"
            | "triangular"
            | "getrandbits"
            | "randbytes"
            | "paretovariate"
            | "vonmisesvariate"
            | "gammavariate"
            | "weibullvariate"
    )
}

/// Draws of NumPy's, PyTorch's and TensorFlow's generators that no seed was given to.
pub(super) fn draws_array(path: &str) -> bool {
    let numpy = |name: &str| {
        matches!(
            name,
            "rand"
                | "randn"
                | "randint"
                | "random"
                | "random_sample"
                | "ranf"
                | "sample"
                | "choice"
                | "normal"
                | "uniform"
                | "permutation"
                | "permuted"
                | "shuffle"
                | "standard_normal"
                | "poisson"
                | "binomial"
                | "exponential"
                | "beta"
                | "gamma"
                | "multivariate_normal"
                | "random_integers"
                | "integers"
                | "lognormal"
                | "multinomial"
                | "dirichlet"
                | "laplace"
                | "geometric"
                | "bytes"
        )
    };
    let arrays = ["numpy.random.", "dask.array.random.", "cupy.random."];
    if let Some(name) = arrays.iter().find_map(|module| path.strip_prefix(module)) {
        let name = name
            .strip_prefix("default_rng().")
            .or_else(|| name.strip_prefix("RandomState()."))
            .unwrap_or(name);
        return numpy(name);
    }
    matches!(
        path,
        "torch.rand"
            | "torch.randn"
            | "torch.randint"
            | "torch.randperm"
            | "torch.rand_like"
            | "torch.randn_like"
            | "torch.normal"
            | "torch.bernoulli"
            | "torch.multinomial"
            | "tensorflow.random.normal"
            | "tensorflow.random.uniform"
            | "tensorflow.random.shuffle"
            | "jax.numpy.random"
    )
}

/// Whether something fixes the generators before the test draws: a seed in the test, its set-up or fixtures, a hook
/// around every test, at the top of the module, or a library that does so.
pub(super) fn is_seeded(test: &Context<'_, '_>) -> bool {
    test.mocks.random
        || test.decorators.iter().any(|(path, _)| path.contains("seed") || path.starts_with("hypothesis."))
        || test.case.function.function.params.iter().any(|param| param.name.contains("seed"))
        || test.fixtures.iter().any(|found| found.fixture.name.contains("seed"))
        || test.calls().any(|(at, _, path)| at.role != Role::Teardown && seeds(path))
        || is_seeded_by_hook(test)
        || test.reach.iter().any(|at| seeds_at_top(&test.analysis.view(at.function.module).module.body))
        || test.case.lineage.iter().any(|owner| seeds_at_top(&owner.class.body))
}

/// `pytest_runtest_setup` of a `conftest.py` seeds; where it asks for a mark first, the test or a `conftest.py` has it.
fn is_seeded_by_hook(test: &Context<'_, '_>) -> bool {
    let has = |mark: &str| {
        test.decorators.iter().any(|(path, _)| path.strip_prefix("pytest.mark.") == Some(mark))
            || test.fixture_views().any(|view| view.module.source.contains(&format!("mark.{mark}(")))
    };
    test.hooks_around().filter_map(|(view, hook)| view.sites(hook)).any(|sites| {
        let asks = sites.calls.iter().filter(|site| last(&site.path) == "get_closest_marker");
        let marks: Vec<_> = asks.filter_map(|site| site.call.args.first()?.as_str()).collect();
        let is_for_it = |at: At| !at.in_branch || marks.is_empty() || marks.iter().any(|mark| has(mark));
        sites.calls.iter().any(|site| seeds(&site.path) && is_for_it(site.at))
    })
}

fn seeds(path: &str) -> bool {
    let name = last(path);
    // astropy's context manager
    name == "NumpyRNGContext"
        || name == "setstate"
        || name == "set_state"
        || (name.contains("seed") && !name.contains("get"))
}

fn seeds_at_top(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Expr(expr) => expr.as_call().is_some_and(|call| match &call.func.kind {
            ExprKind::Attribute { attr, .. } => seeds(attr),
            ExprKind::Name(name) => seeds(name),
            _ => false,
        }),
        _ => false,
    })
}

/// Whether the generator that a call draws from was made with a seed: `random.Random(3).choice(…)`,
/// `rng = np.random.default_rng(3)`.
pub(super) fn has_own_seed(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let ExprKind::Attribute { value, .. } = &site.call.func.kind else { return false };
    let made = match value.as_name() {
        Some(name) => at.sites.bound(name, site.at.order),
        None => Some(&**value),
    };
    // without the expression that made it, a generator counts as seeded
    match made.map(|made| &made.kind) {
        Some(ExprKind::Call(call)) => {
            call.args.iter().any(|arg| !matches!(arg.kind, ExprKind::None))
                || call.keywords.iter().any(|(_, value)| !matches!(value.kind, ExprKind::None))
        }
        Some(_) => false,
        None => site.path.contains("()"),
    }
}

/// Values that come from some calls, followed through the names of one function.
pub(super) struct Tainted<'a> {
    names: FxHashSet<&'a str>,
    spans: FxHashSet<Span>,
    /// `x` of `self.x`
    own: FxHashSet<&'a str>,
}

impl<'a> Tainted<'a> {
    /// Follows the results of `sources`; a call that changes its argument (`shuffle`) taints that.
    pub(super) fn new(at: &Reached<'a, '_>, sources: &[&CallSite<'a>]) -> Tainted<'a> {
        let spans: FxHashSet<Span> = sources.iter().map(|site| site.expr.span).collect();
        let mut tainted = Tainted { names: FxHashSet::default(), spans, own: FxHashSet::default() };
        let shuffled = sources.iter().filter(|site| last(&site.path) == "shuffle");
        tainted.names.extend(shuffled.filter_map(|site| site.call.args.first()?.as_name()));
        tainted.follow(at);
        tainted
    }

    /// What a test gets of the draws in a fixture or in its set-up; `None` where it gets nothing.
    pub(super) fn given(
        test: &Reached<'a, '_>,
        from: &Reached<'a, '_>,
        draws: &[&CallSite<'a>],
    ) -> Option<Tainted<'a>> {
        let inner = Tainted::new(from, draws);
        let mut tainted =
            Tainted { names: FxHashSet::default(), spans: FxHashSet::default(), own: FxHashSet::default() };
        match from.role {
            Role::Fixture(_) => {
                let is_given = gives(&from.function.function.body, &mut |value| inner.holds(value));
                let is_asked = test
                    .function
                    .function
                    .params
                    .iter()
                    .find(|param| param.name == from.function.function.name);
                tainted.names.extend(is_asked.filter(|_| is_given).map(|param| &*param.name));
            }
            Role::Setup => {
                let kept = from
                    .sites
                    .writes
                    .iter()
                    .filter(|write| write.value.is_some_and(|value| inner.holds(value)));
                tainted.own.extend(kept.filter_map(|write| own_attribute(write.target)));
            }
            _ => return None,
        }
        (!tainted.names.is_empty() || !tainted.own.is_empty()).then(|| {
            tainted.follow(test);
            tainted
        })
    }

    fn follow(&mut self, at: &Reached<'a, '_>) {
        let tainted = self;
        for binding in at.sites.bindings.iter().filter(|binding| binding.is_whole) {
            if binding.value.is_some_and(|value| tainted.holds(value)) {
                tainted.names.insert(binding.name);
            }
        }
    }

    /// Whether an expression or a part of it comes from a source.
    pub(super) fn holds(&self, expr: &Expr) -> bool {
        expr.any(&mut |part| {
            self.spans.contains(&part.span)
                || part.as_name().is_some_and(|name| self.names.contains(name))
                || (!self.own.is_empty() && own_attribute(part).is_some_and(|name| self.own.contains(name)))
        })
    }
}

/// Whether something that a function returns or yields is such a value.
fn gives(body: &[Stmt], wanted: &mut dyn FnMut(&Expr) -> bool) -> bool {
    let mut found = false;
    for_each_statement(body, &mut |stmt| {
        found |= match &stmt.kind {
            StmtKind::Return(Some(value)) => wanted(value),
            StmtKind::Expr(expr) => matches!(&expr.kind, ExprKind::Yield(Some(value)) if wanted(value)),
            _ => false,
        };
    });
    found
}

/// The draws in a function that nothing seeds.
pub(super) fn unseeded<'a, 'v>(
    test: &Context<'a, 'v>,
    at: &Reached<'a, 'v>,
    draws: fn(&str) -> bool,
) -> Vec<&'v CallSite<'a>> {
    let sites: &'v crate::python::sites::Sites<'a> = at.sites;
    sites
        .calls
        .iter()
        .zip(&at.paths)
        .filter(|(site, path)| draws(path) && !has_own_seed(at, site) && !test.mocks.covers(path))
        .map(|(site, _)| site)
        .collect()
}

/// A seed at the start of the test, for the generator that `draw` takes from.
pub(super) fn seed(mut mend: Mend<'_>, draw: &CallSite<'_>, path: &str, severity: Severity) -> Option<Fix> {
    let owner = match &draw.call.func.kind {
        ExprKind::Attribute { value, .. } => Some(mend.text(value)),
        _ => None,
    };
    let (module, name) = path.rsplit_once('.')?;
    // bound at the top, so that it is there at the start
    let root = owner.map(|owner| owner.split('.').next().unwrap_or(owner));
    if root.is_some_and(|root| !mend.knows(root)) {
        return None;
    }
    let call = match module {
        "random" => match owner {
            Some(owner) => format!("{owner}.seed(0)"),
            None => format!("{}.seed(0)", mend.import("random")?),
        },
        "numpy.random" | "dask.array.random" if name != "default_rng" => format!("{}.seed(0)", owner?),
        "torch" => format!("{}.manual_seed(0)", owner?),
        _ => return None,
    };
    mend.at_start(&call)?;
    let message = "draw the same values in every run";
    // where the assertion may fail for some draws, it may fail for these
    if severity <= Severity::Low { mend.safe(message) } else { mend.risky(message) }
}
