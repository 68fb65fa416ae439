//! Checking captured signatures.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Shown, load};
use crate::commands::{self, Failure};
use crate::config::Sources;
use crate::signature::Scheme;

/// Check captured signatures.
#[derive(Debug, Subcommand)]
pub enum SignatureCommand {
    /// Read captures as JSON Lines from standard input and say of each whether its signature is valid.
    ///
    /// A line has `method`, `uri`, `params`, `auth_token`, `nonce` and `signature`. Exactly that URL is checked.
    Verify {
        /// v2 or v3.
        #[arg(long)]
        scheme: Scheme,
    },
    /// Say why a captured request is taken for Plivo's, or is not, and what to do about it.
    ///
    /// The request is a recorded HTTP/1.1 message (request line, headers, blank line, body), or is told by options
    /// named as curl's. It is checked as the relay would check it under the configuration: the answer says which
    /// route it comes to, which strings are tried, and which token and scheme match. When none does, other origins,
    /// paths, tokens and headers are tried, and what matches is named. Exit code 1 when the relay refuses it.
    Explain(ExplainArgs),
}

/// A captured request, and where else to look.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The recorded message; `-` is standard input.
    #[arg(required_unless_present = "url", conflicts_with_all = ["request", "header", "data"])]
    pub file: Option<PathBuf>,
    /// The method [default: POST with --data, else GET].
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub request: Option<String>,
    /// The URL, or path and query, that the request came for.
    #[arg(long, conflicts_with = "file")]
    pub url: Option<String>,
    /// A header, such as `X-Plivo-Signature-V2: …`; repeat it.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body as it is, or the file it is in: @FILE.
    #[arg(short = 'd', long, value_name = "BODY")]
    pub data: Option<String>,
    /// A URL as it may have been given to Plivo; repeat it.
    #[arg(long, value_name = "URL")]
    pub registered_url: Vec<String>,
    /// A file of more auth tokens to try, one a line.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The address that the request came from: whether what a proxy says of the URL counts.
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Option<IpAddr>,
    /// How the answer is shown.
    #[command(flatten)]
    pub shown: Shown,
}

impl SignatureCommand {
    pub(super) fn run(self, sources: Sources) -> Result<(), Failure> {
        match self {
            SignatureCommand::Verify { scheme } => {
                let output = std::io::BufWriter::new(std::io::stdout().lock());
                let all_valid = commands::signature::verify(scheme, std::io::stdin().lock(), output)?;
                if all_valid { Ok(()) } else { Err(Failure::Said(1)) }
            }
            SignatureCommand::Explain(args) => commands::explain::run(&load(sources)?, &args),
        }
    }
}
