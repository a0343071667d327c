//! `rule`: what a rule means, from the head of its own file.

use super::{DataFormat, Outcome, print};
use crate::smells::{self, Registered};

/// Say what a rule detects, why it matters and what to do
#[derive(clap::Args)]
pub(super) struct Args {
    /// Code (`FD101`) or name (`sleep-as-synchronization`)
    #[arg(required_unless_present = "all")]
    rule: Option<String>,
    /// All rules
    #[arg(long, conflicts_with = "rule")]
    all: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let rules: Vec<&Registered> = match &args.rule {
        None => smells::RULES.iter().collect(),
        Some(wanted) => vec![smells::find(wanted).ok_or_else(|| {
            anyhow::anyhow!("no rule is called '{wanted}'; 'flakydetector rule --all' lists them")
        })?],
    };
    let text = match args.format {
        DataFormat::Json => {
            let all: Vec<_> = rules.iter().map(|rule| rule.info()).collect();
            if args.all {
                serde_json::to_string_pretty(&all)?
            } else {
                serde_json::to_string_pretty(&all[0])?
            }
        }
        DataFormat::Text if args.all => rules
            .iter()
            .map(|rule| format!("{} {:<36} {}\n", rule.code(), rule.name(), rule.cause()))
            .collect(),
        DataFormat::Text => rules[0].documentation(),
    };
    print(&text)?;
    Ok(Outcome::Clean)
}
