//! The HTTP service: one file per resource, each with its router, its wire types and its handlers.
//! Only calls what stands upstream; the only folder that names the web framework.

mod chat;
mod error;
mod events;
mod explanation;
mod fixes;
mod guard;
mod health;
mod history;
mod index;
mod page;
mod patterns;
mod rules;
mod scan;
mod search;
mod store;
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use tokio::net::TcpListener;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::explain::connect::Settings;
use crate::index::{Embedder, VectorStore};
use crate::risk::RiskModel;

/// Largest request body.
const MAX_BODY: usize = 8 << 20;

/// What a service remembers with.
pub struct Stores {
    pub tests: Arc<dyn VectorStore>,
    /// Tests that were mended, where the history was mined.
    pub fixes: Option<Arc<dyn VectorStore>>,
    /// What other commands must say to use them through this process; nothing where they are shared anyway.
    pub key: Option<String>,
}

/// What the handlers share.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

/// Behind [`Service`].
pub struct Shared {
    store: Arc<dyn VectorStore>,
    /// Tests that were mended, where the history was mined.
    fixes: Option<Arc<dyn VectorStore>>,
    embedder: Arc<dyn Embedder>,
    risk: Arc<RiskModel>,
    model: Settings,
    /// The project whose files a fix is made for.
    project: PathBuf,
    /// Folder of what is remembered of runs.
    history: PathBuf,
    /// What other commands must say to use the store through this process; nothing where it is shared anyway.
    store_key: Option<String>,
    history_turn: tokio::sync::Mutex<()>,
    jobs: Mutex<HashMap<u64, index::Job>>,
    next_job: AtomicU64,
    /// Answers by hundred of their status.
    answers: [AtomicU64; 6],
}

impl std::ops::Deref for Service {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Service {
    pub fn new(
        stores: Stores,
        embedder: Arc<dyn Embedder>,
        risk: Arc<RiskModel>,
        model: Settings,
        history: PathBuf,
        project: PathBuf,
    ) -> Service {
        Service(Arc::new(Shared {
            store: stores.tests,
            fixes: stores.fixes,
            embedder,
            risk,
            model,
            history,
            project,
            store_key: stores.key,
            history_turn: tokio::sync::Mutex::default(),
            jobs: Mutex::default(),
            next_job: AtomicU64::new(1),
            answers: Default::default(),
        }))
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "FlakyDetector",
    description = "Finds unstable Python tests, remembers them, and explains them. Errors are application/problem+json."
))]
struct Api;

/// All routes: the API with its description, health, and the page.
pub fn router(service: Service) -> Router {
    let api = OpenApiRouter::new()
        .merge(scan::router())
        .merge(index::router())
        .merge(tests::router())
        .merge(search::router())
        .merge(explanation::router())
        .merge(fixes::router())
        .merge(chat::router())
        .merge(patterns::router())
        .merge(history::router())
        .merge(rules::router());
    let (routes, description) =
        OpenApiRouter::with_openapi(Api::openapi()).nest("/api/v1", api).split_for_parts();
    let description = Arc::new(description);
    routes
        .route("/api/openapi.json", axum::routing::get(async move || axum::Json((*description).clone())))
        .merge(health::router())
        .merge(store::router())
        .fallback(page::page)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(service.clone(), guard::count))
        .layer(middleware::from_fn(guard::own_pages_only))
        .with_state(service)
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, service: Service) -> std::io::Result<()> {
    axum::serve(listener, router(service)).with_graceful_shutdown(stopped()).await
}

async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
    // a stream that is still open would keep the process for as long as its model talks
    tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        std::process::exit(0);
    });
}
