//! What processes of this program that were killed have left on this machine.

use std::{env, path::Path};

use super::{abandoned::Abandoned, held, transport};

/// Directories that processes of this program which are gone have left on this machine: those of connections to other hosts, whose
/// sockets nobody uses any more, and those of commands that only read, which the next run would remove, too.
#[must_use]
pub(crate) fn directories(runtime: Option<&Path>) -> Vec<Abandoned> {
    let of_connections = transport::private_places(runtime).into_iter();
    let places = of_connections.map(|place| (place, transport::PREFIX)).chain([(env::temp_dir(), held::PREFIX)]);
    places.flat_map(|(place, prefix)| Abandoned::all(&place, prefix)).collect()
}
