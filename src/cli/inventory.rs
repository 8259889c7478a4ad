//! What there is to do with inventories.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum InventoryCommand {
    /// Print an inventory with the hosts and groups of an Ansible inventory
    FromAnsible(Ansible),
}

/// Write an inventory from Ansible's.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(after_help = "\
Example:
  ansible-inventory -i hosts.ini --list | halligan inventory from-ansible >inventory.yaml

Taken from it are addresses, ports, users, keys, further options of ssh, and groups. A host that cannot be carried over is named with the
reason, and nothing is printed then (exit code 3).")]
pub struct Ansible {
    /// What `ansible-inventory --list` has printed [default: standard input]
    #[arg(value_name = "FILE")]
    pub listing: Option<PathBuf>,
    /// Carry this variable over as a fact of its hosts; no other is, since Ansible keeps passwords in them
    #[arg(long = "var", value_name = "NAME")]
    pub vars: Vec<String>,
    /// Leave this host out
    #[arg(long, value_name = "HOST")]
    pub leave_out: Vec<String>,
}
