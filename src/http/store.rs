//! `POST /store/{collection}`: calls of other commands to the store that this process holds. Only for who can read the
//! key beside the store, so it is no part of the described API.

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, header};
use axum::routing::post;

use super::Service;
use super::error::{Body, Problem};
use crate::index::call::{Call, Reply, answer};

/// Largest body: a batch of tests with their vectors.
const MAX_BODY: usize = 64 << 20;

pub(super) fn router() -> Router<Service> {
    Router::new().route("/api/v1/store/{collection}", post(post_call)).layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn post_call(
    State(service): State<Service>,
    Path(collection): Path<String>,
    headers: HeaderMap,
    Body(call): Body<Call>,
) -> Result<Json<Reply>, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let known = service.store_key.as_deref().map(|key| format!("Bearer {key}"));
    if known.is_none() || given != known.as_deref() {
        return Err(Problem::forbidden("the key beside the store is missing or wrong"));
    }
    let store = match collection.as_str() {
        "tests" => Some(&service.store),
        "fixes" => service.fixes.as_ref(),
        _ => None,
    };
    let store = store.ok_or_else(|| Problem::not_found(format!("'{collection}' is not served")))?;
    let reply = answer(store, service.embedder.id(), call).await;
    reply.map(Json).map_err(|error| Problem::unavailable(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use crate::explain::connect::Settings;
    use crate::http::{Service, Stores, router};
    use crate::index::contract::keeps_the_contract;
    use crate::index::edge::{Access, EdgeStore};
    use crate::index::embedder::MiniLm;
    use crate::index::holder;
    use crate::index::served::ServedStore;
    use crate::index::store::StoreError;
    use crate::index::{Embedder, VectorStore};
    use crate::risk::RiskModel;

    #[tokio::test]
    async fn a_served_store_keeps_the_contract_for_who_has_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let embedder: Arc<dyn Embedder> = Arc::new(MiniLm::load().unwrap());
        let edge = EdgeStore::open(folder.path(), embedder.id(), Access::Create).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        edge.announce(&format!("http://{}", listener.local_addr().unwrap()), "the key").unwrap();
        let stores = Stores { tests: Arc::new(edge), fixes: None, key: Some("the key".into()) };
        let place = folder.path().to_owned();
        let risk = Arc::new(RiskModel::built_in().unwrap());
        let service =
            Service::new(stores, embedder.clone(), risk, Settings::default(), place.clone(), place.clone());
        tokio::spawn(axum::serve(listener, router(service)).into_future());

        let mut known = holder::read(&place).unwrap();
        let open = ServedStore::open;
        let store = open(&known, "tests", embedder.id()).await.unwrap().unwrap();
        let store: Arc<dyn VectorStore> = Arc::new(store);
        keeps_the_contract(store).await;

        let other = open(&known, "tests", "another model").await.err().unwrap();
        assert!(matches!(other, StoreError::Schema { .. }), "{other}");
        let none = open(&known, "fixes", embedder.id()).await.err().unwrap().to_string();
        assert!(none.contains("'fixes' is not served"), "{none}");
        known.key = Some("a guess".into());
        let refused = open(&known, "tests", embedder.id()).await.err().unwrap().to_string();
        assert!(refused.contains("key"), "{refused}");
        known.address = Some("http://127.0.0.1:9".into());
        let gone = open(&known, "tests", embedder.id()).await.err().unwrap().to_string();
        assert!(gone.contains("http://127.0.0.1:9"), "{gone}");
    }
}
