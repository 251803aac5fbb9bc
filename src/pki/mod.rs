//! our certificate authority.
