//! Asks a model for a mended test: the finding, the remedy, and an example of the same defect mended. What comes back is
//! text; whoever asks puts it into the file and checks it.

use std::sync::Arc;

use futures::StreamExt;

use super::model::{ChatError, ChatEvent, ChatModel, ChatRequest, Message, Role, Usage};
use super::prompt::{PromptError, render};
use super::tokens::{estimate, window};
use super::untrusted::{neutral_line, quoted};
use crate::smells::Finding;

const FIX: &str = include_str!("../../prompts/fix.md");
const REPAIR: &str = include_str!("../../prompts/fix-repair.md");

/// Longest answer, in tokens; a longer test is not given back whole.
const LONGEST: u32 = 900;
/// Longest example, in characters.
const EXAMPLE: usize = 1600;

/// A defect and its mending, as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub before: String,
    pub after: String,
}

/// What a model is asked to mend.
#[derive(Clone, Debug)]
pub struct Mending<'a> {
    /// The function's name.
    pub name: &'a str,
    /// The function as it stands, decorators included.
    pub code: &'a str,
    pub finding: &'a Finding,
    pub example: Option<&'a Example>,
}

/// A conversation that ends in a mended test.
pub struct Mender {
    model: Arc<dyn ChatModel>,
    messages: Vec<Message>,
    max_tokens: u32,
    pub usage: Option<Usage>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    #[error(transparent)]
    Chat(#[from] ChatError),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error("the test is too long for the model to give it back whole")]
    TooLong,
}

impl Mender {
    /// # Errors
    /// The test is too long, or the prompt is broken.
    pub fn new(model: Arc<dyn ChatModel>, mending: &Mending<'_>) -> Result<Mender, MendError> {
        let max_tokens = estimate(mending.code) * 3 / 2 + 120;
        if max_tokens > LONGEST {
            return Err(MendError::TooLong);
        }
        let example = mending.example.map(|example| {
            let cut = |code: &str| quoted(&code.chars().take(EXAMPLE).collect::<String>());
            format!(
                "An example of the same defect, before:\n{}\nand mended:\n{}\n",
                cut(&example.before),
                cut(&example.after)
            )
        });
        let finding = format!(
            "{} (line `{}`)",
            neutral_line(&mending.finding.message, 400),
            neutral_line(line_of(mending), 160)
        );
        let content = render(
            FIX,
            &[
                ("example", example.as_deref().unwrap_or("")),
                ("code", &quoted(mending.code)),
                ("finding", &finding),
                ("remedy", &neutral_line(&mending.finding.help, 400)),
                ("name", &neutral_line(mending.name, 120)),
            ],
        )?;
        Ok(Mender { model, messages: vec![Message { role: Role::User, content }], max_tokens, usage: None })
    }

    /// What the model answers.
    ///
    /// # Errors
    /// The model's server fails.
    pub async fn ask(&mut self) -> Result<String, MendError> {
        let tokens: u32 = self.messages.iter().map(|message| estimate(&message.content) + 8).sum();
        let request = ChatRequest {
            messages: self.messages.clone(),
            schema: None,
            max_tokens: self.max_tokens,
            temperature: 0.0,
            num_ctx: window(tokens + self.max_tokens),
        };
        let mut stream = self.model.chat(request).await?;
        let mut said = String::new();
        while let Some(event) = stream.next().await {
            match event? {
                ChatEvent::Token(text) => said.push_str(&text),
                ChatEvent::Thought(_) => {}
                ChatEvent::Done(usage) => self.usage = Some(usage),
            }
            // the block is whole, or the answer has no end
            if said.matches("```").count() >= 2 || said.len() > 16 * self.max_tokens as usize {
                break;
            }
        }
        Ok(said)
    }

    /// Tells the model what was wrong with what it said.
    ///
    /// # Errors
    /// The prompt is broken.
    pub fn reject(&mut self, said: String, problems: &str, name: &str) -> Result<(), MendError> {
        let content = render(
            REPAIR,
            &[("problems", &neutral_line(problems, 400)), ("name", &neutral_line(name, 120))],
        )?;
        self.messages.push(Message { role: Role::Assistant, content: said });
        self.messages.push(Message { role: Role::User, content });
        Ok(())
    }
}

/// The line of the code that the finding names, as far as its message tells.
fn line_of<'a>(mending: &Mending<'a>) -> &'a str {
    let named = mending.finding.message.split('`').nth(1).unwrap_or_default();
    mending.code.lines().find(|line| !named.is_empty() && line.contains(named)).unwrap_or_default().trim()
}

/// The example in a rule's own documentation.
pub fn own_example(example: &str, instead: &str) -> Option<Example> {
    let block = |text: &str| {
        let (_, rest) = text.split_once("```python\n")?;
        Some(rest.split("```").next()?.trim_end().to_owned())
    };
    Some(Example { before: block(example)?, after: block(instead)? })
}
