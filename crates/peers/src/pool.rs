//! The PyTorch programs, each a process of its own.

use std::collections::BTreeMap;

use crate::{
    Options, PeersError,
    process::{Hello, Launch, Peer},
};

/// A PyTorch program, as it is or compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) program: &'static str,
    pub(crate) compile: bool,
}

impl Variant {
    /// The name in tables and in `--variant`.
    pub(crate) fn name(self) -> String {
        let ending = if self.compile { "+compile" } else { "" };
        format!("{}{ending}", self.program)
    }
}

/// A peer for each PyTorch program, so that one that breaks down takes no other with it.
pub(crate) struct Pool {
    launch: Launch,
    peers: BTreeMap<String, Peer>,
}

impl Pool {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            launch: Launch {
                python: options.python.clone(),
                programs: options.programs.clone(),
                device: options.device.clone(),
                threads: options.threads,
                work: options.work.clone(),
                patience: options.patience,
            },
            peers: BTreeMap::new(),
        }
    }

    /// Asks PyTorch who it is.
    pub(crate) fn hello(&self) -> Result<Hello, PeersError> {
        let (_, hello) = Peer::start(&self.launch, "hello")?;
        if hello.threads != self.launch.threads {
            let (theirs, ours) = (hello.threads, self.launch.threads);
            return Err(PeersError::Peer(format!(
                "uses {theirs} threads and not {ours}"
            )));
        }
        Ok(hello)
    }

    /// Takes the peer of a program out, started if it is not there.
    pub(crate) fn take(&mut self, variant: Variant) -> Result<Peer, PeersError> {
        let name = variant.name();
        match self.peers.remove(&name) {
            Some(peer) => Ok(peer),
            None => Ok(Peer::start(&self.launch, &name)?.0),
        }
    }

    /// Puts a peer that still answers back.
    pub(crate) fn put_back(&mut self, variant: Variant, peer: Peer) {
        self.peers.insert(variant.name(), peer);
    }
}
