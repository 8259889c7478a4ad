//! Packs the bundled runbooks, their scenarios and the schemas, which `src/runbook/bundle.rs` unpacks: as text they are five times as large.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

#[path = "src/runbook/headline.rs"]
mod headline;

use std::{
    env, fs,
    io::{Error, Result},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

fn main() -> Result<()> {
    // A new file among them is noticed, too.
    println!("cargo::rerun-if-changed=runbooks");
    println!("cargo::rerun-if-changed=docs/schema");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| Error::other("cargo names no OUT_DIR"))?);
    let mut bundles = Vec::new();
    for path in entries(Path::new("runbooks"))? {
        let Some(name) = path.to_str().and_then(|path| path.strip_prefix("runbooks/")?.strip_suffix(".yaml")) else { continue };
        let runbook = fs::read(&path)?;
        let title = str::from_utf8(&runbook).ok().and_then(headline::headline);
        let sha256 = Sha256::digest(&runbook).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let folder = Path::new("runbooks/scenarios").join(name);
        let (mut files, mut scenarios) = (Vec::new(), Vec::new());
        if folder.is_dir() {
            gather(&folder, &folder, &mut files, &mut scenarios)?;
        }
        let runbook = pack(&out, &format!("{name}.runbook"), &runbook)?;
        let scenarios = pack(&out, &format!("{name}.scenarios"), &scenarios)?;
        bundles.push(format!(
            "Bundle {{ name: {name:?}, title: {title:?}, sha256: {sha256:?}, runbook: {runbook}, scenarios: {scenarios}, files: &{files:?} }}"
        ));
    }
    // Of what is read; those of what is printed are documentation alone.
    let mut schemas = Vec::new();
    for name in ["runbook", "scenario", "inventory"] {
        let text = fs::read(Path::new("docs/schema").join(name).with_extension("json"))?;
        schemas.push(format!("({name:?}, {})", pack(&out, &format!("{name}.schema"), &text)?));
    }
    let all = format!(
        "/// Every bundled runbook, by name.\n#[allow(clippy::unreadable_literal, reason = \"lengths, of which nobody reads one\")]\n\
         pub(crate) static BUNDLES: [Bundle; {}] = [{}];\n\
         #[allow(clippy::unreadable_literal, reason = \"likewise\")]\nstatic SCHEMAS: [(&str, Pack); {}] = [{}];",
        bundles.len(),
        bundles.join(", "),
        schemas.len(),
        schemas.join(", ")
    );
    fs::write(out.join("bundles.rs"), all)
}

/// What stands in a directory, in an order that no file system changes.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// The bytes of all files below a directory, one after the other, with the path of each below the top and its length.
fn gather(top: &Path, folder: &Path, files: &mut Vec<(String, usize)>, bytes: &mut Vec<u8>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            gather(top, &path, files, bytes)?;
            continue;
        }
        let content = fs::read(&path)?;
        let name = path.strip_prefix(top).ok().and_then(Path::to_str);
        let name = name.ok_or_else(|| Error::other(format!("{} has a name that is not UTF-8", path.display())))?;
        files.push((name.to_owned(), content.len()));
        bytes.extend(content);
    }
    Ok(())
}

/// Writes the bytes packed, and says in Rust what they are.
fn pack(out: &Path, file: &str, bytes: &[u8]) -> Result<String> {
    const LEVEL: u8 = 10; // the smallest that it can make
    fs::write(out.join(file), miniz_oxide::deflate::compress_to_vec(bytes, LEVEL))?;
    Ok(format!("Pack::new(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")), {})", bytes.len()))
}
