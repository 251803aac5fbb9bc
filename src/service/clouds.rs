//! Clouds: their accounts, what their listings prove, and what platforms say of themselves.

pub mod accounts;
pub mod admissible;
pub mod known;
pub mod lease;
pub mod notices;
pub mod observe;
pub mod registry;
