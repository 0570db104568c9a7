//! Kinds of object that can carry a record.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Content;

/// How a record is written on an object of this kind.
pub(super) trait Carrier:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + k8s_openapi::Resource
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// An object with nothing on it.
    fn empty(metadata: ObjectMeta) -> Self;

    /// What is written on it; nobody holds what nothing is written on.
    fn content(&self) -> Result<Content, String>;

    /// Writes on it, and leaves alone what is not the record's.
    fn write(&mut self, content: &Content, fractions: bool);
}
