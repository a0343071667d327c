//! Points, filters and ids as the server has them, and back.

use std::collections::HashMap;

use qdrant_client::Payload;
use qdrant_client::qdrant::vector_output::Vector as Output;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    Condition as ServerCondition, Filter as ServerFilter, NamedVectors, PointId, PointStruct, Range,
    RetrievedPoint, Value, Vector, VectorsOutput, point_id::PointIdOptions,
};
use uuid::Uuid;

use super::super::IndexedTest;
use super::super::conditions::{self, Condition, Conditions};
use super::super::store::{Filter, Point, StoreError, Terms};
use super::{STRUCTURE, TERMS, TEXT};

pub(super) fn server_filter(filter: &Filter) -> Option<ServerFilter> {
    let conditions = Conditions::from(filter);
    if conditions.is_empty() {
        return None;
    }
    let translate = |conditions: Vec<Condition>| -> Vec<ServerCondition> {
        conditions
            .into_iter()
            .map(|condition| match condition {
                Condition::AnyOf(key, values) => ServerCondition::matches(key, values),
                Condition::Is(key, value) => ServerCondition::matches(key, value),
                Condition::AtLeast(key, value) => {
                    ServerCondition::range(key, Range { gte: Some(value as f64), ..Range::default() })
                }
                Condition::Ids(ids) => ServerCondition::has_id(ids.into_iter().map(server_id)),
            })
            .collect()
    };
    Some(ServerFilter {
        must: translate(conditions.must),
        must_not: translate(conditions.must_not),
        ..ServerFilter::default()
    })
}

pub(super) fn to_server(point: Point) -> Result<PointStruct, StoreError> {
    let vectors = NamedVectors::default()
        .add_vector(TEXT, Vector::new_dense(point.text))
        .add_vector(STRUCTURE, Vector::new_dense(point.structure))
        .add_vector(TERMS, Vector::new_sparse(point.terms.indices, point.terms.values));
    let payload = Payload::from(conditions::payload(&point.test)?);
    Ok(PointStruct::new(server_id(point.id), vectors, payload))
}

pub(super) fn from_server(id: Uuid, point: RetrievedPoint) -> Result<Point, StoreError> {
    let mut back = Point {
        id,
        text: Vec::new(),
        structure: Vec::new(),
        terms: Terms::default(),
        test: test(point.payload)?,
    };
    if let Some(VectorsOutput { vectors_options: Some(VectorsOptions::Vectors(named)) }) = point.vectors {
        for (name, vector) in named.vectors {
            match (name.as_str(), vector.into_vector()) {
                (TEXT, Output::Dense(vector)) => back.text = vector.data,
                (STRUCTURE, Output::Dense(vector)) => back.structure = vector.data,
                (TERMS, Output::Sparse(vector)) => {
                    back.terms = Terms { indices: vector.indices, values: vector.values };
                }
                _ => {}
            }
        }
    }
    Ok(back)
}

pub(super) fn test(payload: HashMap<String, Value>) -> Result<IndexedTest, StoreError> {
    conditions::test(&payload.into_iter().map(|(key, value)| (key, value.into_json())).collect())
}

pub(super) fn server_id(id: Uuid) -> PointId {
    PointId::from(id.to_string())
}

pub(super) fn uuid(id: Option<PointId>) -> Option<Uuid> {
    match id?.point_id_options? {
        PointIdOptions::Uuid(text) => Uuid::parse_str(&text).ok(),
        PointIdOptions::Num(_) => None,
    }
}
