//! Trial ids, schemas, the atomic store and the Parquet contract.

mod error;
pub mod tables;

pub use error::Error;
