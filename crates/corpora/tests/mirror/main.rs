//! Fetching from a mirror that lies, breaks off or says nothing: nothing outside the data folder is
//! touched, nothing hangs, and no file appears that is not the one that was asked for.

mod lab;
mod lies;
mod redirects;
mod resume;
mod server;
