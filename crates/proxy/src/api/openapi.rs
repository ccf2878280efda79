//! `GET /openapi.json`: the API's own description, kept by hand beside the handlers.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::Router;
    use axum::body::Body;
    use http::header::ALLOW;
    use http::{Method, Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::DOCUMENT;
    use crate::api::{Routes, needing_token, of_the_machine, open};

    /// `(path, method)` of the document.
    fn described() -> BTreeSet<(String, String)> {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters")
                .map(move |method| (path.clone(), method.to_uppercase()))
        });
        operations.collect()
    }

    /// `(path, method)` of the router: a method that no route has is answered with those it has.
    async fn routed(routes: Routes) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for (path, answer) in routes {
            let router: Router<crate::App> = Router::new().route("/", answer);
            let methods = allowed(router).await;
            found.extend(methods.into_iter().map(|method| (path.to_owned(), method)));
        }
        found
    }

    async fn allowed(router: Router<crate::App>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let router = router.with_state(crate::api::tests::app(folder.path()));
        let request =
            Request::builder().method(Method::TRACE).uri("/").body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        let allow = answer.headers()[ALLOW].to_str().unwrap();
        allow.split(',').filter(|method| *method != "HEAD").map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn every_route_is_described_and_nothing_else() {
        let mut routes = needing_token();
        routes.extend(of_the_machine());
        routes.extend(open());
        assert_eq!(routed(routes).await, described());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn visit(document: &Value, value: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(reference) = object.get("$ref") {
                        let pointer = reference.as_str().unwrap().trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    object.values().for_each(|value| visit(document, value));
                }
                Value::Array(items) => items.iter().for_each(|value| visit(document, value)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        visit(&document, &document);
    }
}
