//! The whole appliance on one thread, seeded.
