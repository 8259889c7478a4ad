//! Hands over.

fn main() -> std::process::ExitCode {
    halligan::main()
}
