//! A role's work as an agent does it: real commands, real keepers, agents that are killed.

mod killed;
mod placed;
mod running;
mod setting_up;
mod world;
