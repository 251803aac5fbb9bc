//! the verbs all doors share.
