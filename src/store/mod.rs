//! The API server as a pure value.
