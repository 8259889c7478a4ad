//! Programs that change a system which stands elsewhere: which one, says what they were started in and not the runbook.

use super::{
    model::{Command, Effect, Kind, Program, Runbook, Step, Undo},
    words,
};

/// Clients of clusters, databases and clouds, by the name of the program.
const CLIENTS: [&str; 35] = [
    "aws",
    "az",
    "calicoctl",
    "ceph",
    "cephadm",
    "consul",
    "crm",
    "cqlsh",
    "drbdadm",
    "etcdctl",
    "gcloud",
    "gluster",
    "helm",
    "influx",
    "istioctl",
    "kubectl",
    "mongosh",
    "mysql",
    "mysqladmin",
    "nodetool",
    "nomad",
    "oc",
    "openstack",
    "patronictl",
    "pcs",
    "psql",
    "rabbitmqctl",
    "radosgw-admin",
    "rados",
    "rbd",
    "redis-cli",
    "rook-ceph",
    "terraform",
    "vault",
    "velero",
];

/// What in this command is such a client.
fn client(command: &Command) -> Option<&'static str> {
    let commands = match &command.program {
        Program::Argv(argv) => words::commands_of_argv(&argv.iter().map(|word| word.text.to_string()).collect::<Vec<_>>()),
        Program::Shell(script) => words::commands_of_script(script),
    };
    commands.iter().find_map(|argv| CLIENTS.iter().copied().find(|client| *client == words::program(argv)))
}

/// The commands of a step that change something.
fn changing(step: &Step) -> impl Iterator<Item = &Command> {
    let own = if let Kind::Command(command) = &step.kind { Some(command) } else { None };
    let undo = if let Undo::Command(remedy) = &step.undo { Some(&remedy.command) } else { None };
    let cleanup = step.cleanup.as_ref().map(|remedy| &remedy.command);
    own.into_iter().chain(undo).chain(cleanup).filter(|command| command.effect != Effect::Read)
}

impl Runbook {
    /// The first step that changes something on a system which stands elsewhere, with the client that does.
    pub(crate) fn changes_a_system(&self) -> Option<(&Step, &'static str)> {
        self.all_steps().find_map(|step| Some((step, changing(step).find_map(client)?)))
    }

    /// Whether it changes something, and all of that on the machine where it is run.
    pub(crate) fn changes_this_machine(&self) -> bool {
        let mut all = self.all_steps().flat_map(changing).peekable();
        let here = |command: &Command| command.on.as_ref().is_none_or(|on| &*on.text == "local") && client(command).is_none();
        all.peek().is_some() && all.all(here)
    }
}
