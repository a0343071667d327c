//! Why a test is unstable and what to do, from evidence, every sentence cited.

pub mod model;
