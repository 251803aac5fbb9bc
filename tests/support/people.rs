//! Who acts in tests.

use grange::model::{Actor, Door, Permission};

/// Who may do everything, at the socket.
pub fn admin() -> Actor {
    let permissions = Permission::for_admin();
    Actor { name: "admin".into(), door: Door::Socket, permissions, ..Actor::job("admin") }
}
