//! `forethought`: the command-line program.

use std::process::ExitCode;

use forethought_experiments::{cli, commands, console, interrupt};

/// Saves about a quarter of a training step: tensors are allocated and freed at every operation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = interrupt::listen().and_then(|()| match cli::parse() {
        Ok(cli) => commands::run(cli.command),
        Err(answer) => answer.give(),
    });
    match done.and_then(|()| console::flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.to_string().is_empty() {
                console::note(format_args!("forethought: {failure}"));
            }
            ExitCode::from(failure.code())
        }
    }
}
