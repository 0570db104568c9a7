//! The published JSON Schema.

use super::model::Scenario;

impl Scenario {
    /// The JSON Schema of scenario files, draft 2020-12, with every field described.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Scenario).to_value()
    }
}
