//! Says what the bundled runbooks are made from, so that a new file among them is noticed.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=runbooks");
}
