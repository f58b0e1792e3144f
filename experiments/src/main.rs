//! `forethought`: the command-line program.

// The messages of failures.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;
use forethought_experiments::{cli, commands};

/// Saves about a quarter of a training step: tensors are allocated and freed at every operation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let cli = cli::Cli::parse();
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("forethought: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// `print!` panics when nobody reads any more (`forethought inspect ... | head`). That is no fault: the
/// reader has what it wanted.
fn end_quietly_without_a_reader() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        if message.is_some_and(|message| message.starts_with("failed printing to stdout")) {
            std::process::exit(0);
        }
        report(panic);
    }));
}
