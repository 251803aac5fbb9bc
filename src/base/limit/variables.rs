//! Limits of variables and of what is sealed.

/// Most bytes of a secret that is stored, which is what each takes up there, so that its length
/// says nothing: the private key of the longest kind in use has 3.3 KiB.
pub const SECRET_BYTES_MAX: usize = 4096;
/// Most bytes of a variable's name, its category and its output format.
pub const VARIABLE_WORD_BYTES_MAX: usize = 64;
/// Most bytes of a variable's validation pattern and of its description.
pub const VARIABLE_TEXT_BYTES_MAX: usize = 400;
/// Most bytes that a variable's validation pattern may take when it is compiled.
pub const VARIABLE_PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Most variables of one scope, all read for each server that is under it: with five scopes of the
/// longest values 2 MiB.
pub const VARIABLES_MAX: usize = 100;
/// How many records one transaction of a rotation seals anew: 4 KiB each, before and after.
pub const ROTATION_BATCH: usize = 50;
