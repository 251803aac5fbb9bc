//! The sizes of servers here.

use crate::clouds::InstanceType;

/// Name, CPUs in thousandths, memory in MiB.
const SIZES: [(&str, u32, u64); 4] =
    [("nano", 100, 64), ("small", 250, 128), ("medium", 500, 256), ("large", 1000, 512)];

/// From the smallest to the largest.
pub fn sizes() -> Vec<InstanceType> {
    SIZES
        .map(|(name, cpu_millis, mebibytes)| InstanceType {
            name: name.to_owned(),
            cpu_millis,
            memory_bytes: mebibytes << 20,
        })
        .to_vec()
}
