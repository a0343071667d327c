//! `/rules`: what the rules mean.

use axum::Json;
use axum::extract::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::Problem;
use crate::smells::{self, RuleInfo};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(get_rules)).routes(routes!(get_rule))
}

/// All rules
#[utoipa::path(get, path = "/rules", responses((status = 200, body = Vec<RuleInfo>)))]
async fn get_rules() -> Json<Vec<RuleInfo>> {
    Json(smells::RULES.iter().map(smells::Registered::info).collect())
}

/// One rule, by code or name
#[utoipa::path(get, path = "/rules/{code}", params(("code" = String, Path)), responses(
    (status = 200, body = RuleInfo),
    (status = 404, description = "no such rule", body = Problem, content_type = "application/problem+json")
))]
async fn get_rule(Path(code): Path<String>) -> Result<Json<RuleInfo>, Problem> {
    let found = smells::find(&code).map(smells::Registered::info);
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("no rule is called '{code}'; see /api/v1/rules")))
}
