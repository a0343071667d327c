//! Collections on a server: how one is laid out, which one a name stands for, and how a new one takes its place.
//!
//! A name is an alias: `tests` stands for `tests-1`, or, after a rebuild, for `tests-` and the second at which that
//! began. Who reads goes by the alias, so a rebuild is seen whole or not at all.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};

use qdrant_client::qdrant::vectors_config::Config as VectorsKind;
use qdrant_client::qdrant::{
    CollectionConfig, CreateAliasBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder,
    Distance, FieldType, KeywordIndexParamsBuilder, Modifier, QuantizationType, ScalarQuantizationBuilder,
    SparseVectorParamsBuilder, SparseVectorsConfigBuilder, VectorParamsBuilder, VectorsConfigBuilder,
};
use qdrant_client::{Qdrant, QdrantError};
use serde::Deserialize;

use super::super::conditions::{BOOLEANS, INTEGERS, KEYWORDS};
use super::super::folder::Access;
use super::super::meta::Meta;
use super::super::store::{STRUCTURE_DIMENSIONS, StoreError, TEXT_DIMENSIONS};
use super::connection::{failed, patiently};
use super::{QdrantStore, STRUCTURE, TERMS, TEXT};

const META: &str = "flakydetector";
/// A collection that no name stands for is left by a rebuild that was stopped; after so many seconds nobody works at it.
const ABANDONED: u64 = 24 * 3_600;

/// How a collection is laid out. Counts where one is made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Layout {
    /// Into how many parts it is cut, which the nodes of a cluster share.
    pub shards: Option<NonZeroU32>,
    /// How many nodes keep a copy of each part.
    pub replicas: Option<NonZeroU32>,
    /// Vectors and payload are read from disk, not held in memory.
    pub on_disk: bool,
    /// Vectors of meaning are held in memory with eight bits a value, beside the whole ones.
    pub quantize: bool,
}

impl QdrantStore {
    /// The collection that the name stands for; `None` where there is none.
    pub(super) async fn target(client: &Qdrant, name: &str) -> Result<Option<String>, QdrantError> {
        let aliases = client.list_aliases().await?.aliases;
        if let Some(alias) = aliases.into_iter().find(|alias| alias.alias_name == name) {
            return Ok(Some(alias.collection_name));
        }
        Ok(client.collection_exists(name).await?.then(|| name.to_owned()))
    }

    pub(super) async fn prepare(
        &mut self,
        meta: &Meta,
        access: Access,
        layout: &Layout,
    ) -> Result<(), StoreError> {
        let found = Self::target(&self.client, &self.name)
            .await
            .map_err(|error| failed(&self.url, "open", &error))?;
        match (found, access) {
            (Some(_), Access::Existing | Access::Create) => self.check(meta).await,
            (None, Access::Existing) => Err(StoreError::Missing { path: self.place() }),
            (None, Access::Create) => {
                // where another process is faster, both name the same one
                let first = format!("{}-1", self.name);
                self.create(&first, meta, layout).await?;
                self.stand_for(&first).await
            }
            (_, Access::Anew) => {
                self.drop_abandoned().await?;
                self.collection = format!("{}-{}", self.name, now());
                let created = self.create(&self.collection, meta, layout).await?;
                let busy = || StoreError::Refused {
                    action: "rebuild",
                    reason: format!("another process began to at this moment ({})", self.collection),
                };
                created.then_some(()).ok_or_else(busy)
            }
        }
    }

    /// Lets the name stand for the collection that was written to, and removes the one it stood for.
    pub(super) async fn take_the_place(&self) -> Result<(), StoreError> {
        if self.collection == self.name {
            return Ok(());
        }
        let fail = |error| failed(&self.url, "put the new collection in place", &error);
        let before = Self::target(&self.client, &self.name).await.map_err(fail)?;
        if before.as_ref() == Some(&self.name) {
            // one of a version without aliases has the name itself
            self.client.delete_collection(&self.name).await.map_err(fail)?;
        }
        self.stand_for(&self.collection).await?;
        if let Some(before) = before.filter(|before| *before != self.name && *before != self.collection) {
            self.client.delete_collection(&before).await.map_err(fail)?;
        }
        Ok(())
    }

    /// One request, which the server carries out at once also where the name stands for another.
    async fn stand_for(&self, collection: &str) -> Result<(), StoreError> {
        let fail = |error| failed(&self.url, "name the collection", &error);
        patiently(|| self.client.create_alias(CreateAliasBuilder::new(collection, &self.name)))
            .await
            .map_err(fail)?;
        Ok(())
    }

    async fn drop_abandoned(&self) -> Result<(), StoreError> {
        let fail = |error| failed(&self.url, "list its collections", &error);
        let named: Vec<String> = self
            .client
            .list_aliases()
            .await
            .map_err(fail)?
            .aliases
            .into_iter()
            .map(|alias| alias.collection_name)
            .collect();
        for found in self.client.list_collections().await.map_err(fail)?.collections {
            let began = found
                .name
                .strip_prefix(&format!("{}-", self.name))
                .and_then(|began| began.parse::<u64>().ok());
            let is_old = began.is_some_and(|began| began + ABANDONED < now()) && !named.contains(&found.name);
            // what carries no note of ours is somebody else's, whatever its name
            if is_old && self.config(&found.name).await.map_err(fail)?.metadata.contains_key(META) {
                self.client.delete_collection(&found.name).await.map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Makes a collection with its indexes; false where there is one of that name.
    async fn create(&self, collection: &str, meta: &Meta, layout: &Layout) -> Result<bool, StoreError> {
        let fail = |error| failed(&self.url, "open", &error);
        let mut text =
            VectorParamsBuilder::new(TEXT_DIMENSIONS as u64, Distance::Cosine).on_disk(layout.on_disk);
        if layout.quantize {
            let bits =
                ScalarQuantizationBuilder::default().r#type(QuantizationType::Int8.into()).always_ram(true);
            text = text.quantization_config(bits);
        }
        let structure =
            VectorParamsBuilder::new(STRUCTURE_DIMENSIONS as u64, Distance::Euclid).on_disk(layout.on_disk);
        let mut dense = VectorsConfigBuilder::default();
        dense.add_named_vector_params(TEXT, text);
        dense.add_named_vector_params(STRUCTURE, structure);
        let mut sparse = SparseVectorsConfigBuilder::default();
        sparse.add_named_vector_params(TERMS, SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
        let mut create = CreateCollectionBuilder::new(collection)
            .vectors_config(dense)
            .sparse_vectors_config(sparse)
            .on_disk_payload(layout.on_disk)
            .metadata(HashMap::from([(META.to_string(), serde_json::json!(meta))]));
        if let Some(shards) = layout.shards {
            create = create.shard_number(shards.get());
        }
        if let Some(replicas) = layout.replicas {
            create = create.replication_factor(replicas.get());
        }
        match self.client.create_collection(create).await {
            Ok(_) => {}
            Err(error) if error.to_string().contains("already exists") => return Ok(false),
            Err(error) => return Err(fail(error)),
        }
        for (at, key) in KEYWORDS.into_iter().enumerate() {
            let index = CreateFieldIndexCollectionBuilder::new(collection, key, FieldType::Keyword)
                .field_index_params(KeywordIndexParamsBuilder::default().is_tenant(at == 0))
                .wait(true);
            self.client.create_field_index(index).await.map_err(fail)?;
        }
        let booleans = BOOLEANS.map(|key| (key, FieldType::Bool));
        for (key, kind) in booleans.into_iter().chain(INTEGERS.map(|key| (key, FieldType::Integer))) {
            let index = CreateFieldIndexCollectionBuilder::new(collection, key, kind).wait(true);
            self.client.create_field_index(index).await.map_err(fail)?;
        }
        Ok(true)
    }

    /// Whether the collection is one of this program and of this version. Servers before 1.16 keep no note of it; there
    /// only the vectors can be looked at.
    async fn check(&self, meta: &Meta) -> Result<(), StoreError> {
        let config = self.config(&self.name).await.map_err(|error| failed(&self.url, "open", &error))?;
        if let Some(note) = config.metadata.get(META) {
            let found = serde_json::from_value(note.clone().into_json()).ok();
            return meta.check(&self.place(), found.as_ref());
        }
        let vectors = config.params.unwrap_or_default().vectors_config.and_then(|vectors| vectors.config);
        let fits = matches!(vectors, Some(VectorsKind::ParamsMap(map)) if
            map.map.get(TEXT).is_some_and(|params| params.size == TEXT_DIMENSIONS as u64)
            && map.map.get(STRUCTURE).is_some_and(|params| params.size == STRUCTURE_DIMENSIONS as u64));
        if fits { Ok(()) } else { meta.check(&self.place(), None) }
    }

    async fn config(&self, collection: &str) -> Result<CollectionConfig, QdrantError> {
        let info = self.client.collection_info(collection).await?;
        Ok(info.result.and_then(|info| info.config).unwrap_or_default())
    }

    fn place(&self) -> String {
        format!("{} (collection {})", self.url, self.name)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::connection::connect;
    use super::*;

    #[tokio::test]
    async fn a_rebuild_removes_what_is_abandoned_and_ours_alone() {
        let Ok(url) = std::env::var("QDRANT_URL") else {
            eprintln!("skipped: QDRANT_URL is not set, so no Qdrant server was tested");
            return;
        };
        let name = format!("abandoned-{}", std::process::id());
        let (client, _) = connect(&url).unwrap();
        let (ours, others) = (format!("{name}-1000"), format!("{name}-2000"));
        let plain = CreateCollectionBuilder::new(&others)
            .vectors_config(VectorParamsBuilder::new(4, Distance::Cosine));
        client.create_collection(plain).await.unwrap();
        let layout = Layout::default();
        let store = QdrantStore::open(&url, &name, "a-model", Access::Anew, &layout).await.unwrap();
        store.create(&ours, &Meta::current("a-model"), &layout).await.unwrap();
        store.drop_abandoned().await.unwrap();
        assert!(!client.collection_exists(&ours).await.unwrap());
        assert!(client.collection_exists(&others).await.unwrap());
        assert!(client.collection_exists(&store.collection).await.unwrap(), "it was begun just now");
        for collection in [&others, &store.collection] {
            client.delete_collection(collection).await.unwrap();
        }
    }
}
