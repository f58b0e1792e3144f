//! `forethought`: the command-line program.

// This is the one place that talks to the terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ablation;
mod arms;
mod bench;
mod cli;
mod commands;
mod configuration;
mod device;
mod document;
mod failure;
mod figures;
mod frontier;
mod maze2d;
mod output;
mod picture;
mod planning;
mod progress;
mod protocol;
mod resolve;
mod scored;
mod scoring;
mod settings;
mod statistics;
mod study;
mod table;

use std::process::ExitCode;

use clap::Parser;

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
