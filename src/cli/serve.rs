//! `serve`: the HTTP service and the web page.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::{Outcome, note, risk_model};
use crate::config::ProjectFile;
use crate::http::{self, Service, Stores};
use crate::index::edge::Access;
use crate::source;

/// Serve the HTTP API and the web page
#[derive(clap::Args)]
pub(super) struct Args {
    /// Address to listen on; anything but loopback is reachable from other machines
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 8080)]
    port: u16,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    let risk = Arc::new(risk_model(None)?);
    open::block_on(async {
        let listener = tokio::net::TcpListener::bind((args.host, args.port)).await.with_context(|| {
            format!(
                "cannot listen on {}:{}; is the port taken? choose another with --port",
                args.host, args.port
            )
        })?;
        let address = format!("http://{}", listener.local_addr()?);
        let opened = open::open(&args.store, &project, near, Access::Create).await?;
        let fixes = open::known_fixes(&args.store, &project, near, &opened.embedder).await;
        let mut key = None;
        for edge in
            [opened.edge.as_ref(), fixes.as_ref().and_then(|fixes| fixes.edge.as_ref())].into_iter().flatten()
        {
            let key = key.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
            edge.announce(&address, key)?;
        }
        note(&format!("serving {} at {address} (Ctrl-C ends it)", opened.place));
        // the first question waits for neither model nor store
        let (model, store) = (opened.embedder.clone(), opened.store.clone());
        tokio::task::spawn_blocking(move || model.warm().map_err(|error| note(&error.to_string())));
        tokio::task::spawn_blocking(move || store.warm());
        let stores = Stores { tests: opened.store, fixes: fixes.map(|fixes| fixes.store), key };
        let settings = args.model.settings(&project);
        let history = open::place(&args.store, &project, near).0;
        let service =
            Service::new(stores, opened.embedder, risk, settings, history, source::project_root(near));
        http::serve(listener, service).await?;
        Ok(())
    })?;
    Ok(Outcome::Clean)
}
