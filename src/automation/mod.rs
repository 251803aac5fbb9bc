//! configuration bytes out of a topology.
