//! `halligan inventory from-ansible`: an inventory written from Ansible's.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
};

use crate::{
    app::{context::Context, exit::ProgramExit, failure::Failure, session::load::show_report},
    cli::Ansible,
    inventory::{self, FromAnsible, Inventory},
    journal::disk,
    runbook::model::{Origin, SourceText},
    words::sanitise,
};

/// No listing of the hosts that an inventory may have is as long.
const MOST: u64 = 64 << 20;

/// Prints the inventory, and on standard error what of Ansible's is not in it.
///
/// # Errors
/// The listing cannot be read, or something in it cannot be carried over.
pub(super) fn from_ansible(context: &Context, args: &Ansible) -> Result<ProgramExit, Failure> {
    let from = args.listing.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let listing = listing(args).map_err(|error| {
        Failure::new(ProgramExit::Usage, format!("{from} cannot be read: {error}"))
            .next("ansible-inventory -i hosts.ini --list | halligan inventory from-ansible")
    })?;
    let FromAnsible { text, left } = inventory::from_ansible(&listing, &args.vars, &args.leave_out).map_err(|faults| {
        let failure = Failure::new(ProgramExit::BadRunbook, format!("no inventory can be written from {from}"));
        faults.iter().fold(failure, |failure, fault| failure.why(sanitise::line(fault)))
    })?;
    // What halligan would refuse is not printed as one.
    let (inventory, report) = Inventory::parse(SourceText::new(&from, Origin::Bundled, &text));
    if inventory.is_none() {
        show_report(&context.out, &report);
        return Err(Failure::new(ProgramExit::BadRunbook, format!("the inventory that {from} makes has errors")));
    }
    for what in left {
        context.out.stderr.line(&sanitise::line(&what));
    }
    context.out.stdout.text(&text);
    Ok(ProgramExit::Completed)
}

fn listing(args: &Ansible) -> io::Result<String> {
    let from: Box<dyn Read> = match &args.listing {
        Some(path) => Box::new(File::open(path)?),
        None if io::stdin().is_terminal() => return Err(io::Error::other("it is a terminal, and no file is named")),
        None => Box::new(io::stdin().lock()),
    };
    String::from_utf8(disk::read_whole(from, MOST)?).map_err(io::Error::other)
}
