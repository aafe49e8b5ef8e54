//! Which addresses are asked, and where a redirect may lead.
//!
//! Without encryption anyone on the way can alter what comes, so an address is https unless plain
//! http was asked for. An address of this machine's own loopback device is taken as it is: nothing
//! that is said there leaves the machine.

use std::{fmt, net::IpAddr};

use hf_hub::{Repo, RepoType};
use ureq::http::Uri;

use crate::manifest::{HubSource, RepoKind};

/// A full http or https address without a user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(Uri);

impl Address {
    /// The address that a text gives, or why it gives none. The reason does not repeat the text,
    /// which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("which is not an address ({error})"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("which is not a full address with scheme and host".to_owned());
        };
        if !["https", "http"].contains(&scheme) {
            return Err(format!("whose scheme is {scheme:?} and not https"));
        }
        // A user name would be sent to the server and written down beside the file.
        if authority.as_str().contains('@') {
            return Err("which holds a user name or a password".to_owned());
        }
        // A port out of range would be left out in silence, and another server asked.
        let port = authority.as_str().strip_prefix(authority.host());
        if authority.host().is_empty() || (port != Some("") && authority.port().is_none()) {
            return Err("which names no host, or no port from 0 to 65535".to_owned());
        }
        Ok(Self(uri))
    }

    /// Whether the address may be asked first.
    pub(crate) fn allow(self, plain_http: bool) -> Result<Self, String> {
        if self.is_https() || plain_http || self.is_loopback() {
            return Ok(self);
        }
        Err("which is plain http, so that anyone on the way can alter what comes".to_owned())
    }

    /// Where a `Location` leads, if it may be followed: from https only to https, never to another
    /// scheme, and from the network never to this machine.
    pub(crate) fn redirect(&self, location: &str, plain_http: bool) -> Result<Self, String> {
        let refused = |reason| format!("{self} redirects to {location:?}, {reason}");
        let next = Self::parse(&self.resolve(location)).map_err(refused)?;
        if self.is_https() && !next.is_https() {
            return Err(refused("which is not https".to_owned()));
        }
        if next.is_loopback() && !self.is_loopback() {
            return Err(refused("which is on this machine".to_owned()));
        }
        next.allow(plain_http).map_err(refused)
    }

    /// A `Location` as a full address.
    fn resolve(&self, location: &str) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        let before_path = location.split(['/', '?', '#']).next().unwrap_or_default();
        if before_path.contains(':') {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else {
            let folder = self
                .0
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        }
    }

    pub(crate) fn uri(&self) -> Uri {
        self.0.clone()
    }

    fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether the host is this machine: `localhost`, or an address such as `127.0.0.1` or `[::1]`.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let ip = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address of a hub file.
pub(crate) fn hub_url(endpoint: &str, hub: &HubSource) -> String {
    let kind = match hub.kind {
        RepoKind::Dataset => RepoType::Dataset,
        RepoKind::Model => RepoType::Model,
    };
    let repo = Repo::with_revision(hub.repo.clone(), kind, hub.revision.clone());
    let (repo, revision) = (repo.url(), repo.url_revision());
    format!("{endpoint}/{repo}/resolve/{revision}/{}", hub.file)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ftp://a.org/x")]
    #[case("file:///x")]
    #[case("a.org")]
    #[case("nonsense")]
    #[case("")]
    #[case("http://")]
    #[case("https:")]
    #[case("https://user:secret@a.org")]
    #[case("https://a.org:99999")]
    #[case("https://a b.org")]
    fn what_is_no_web_address_is_refused(#[case] text: &str) {
        let reason = Address::parse(text).unwrap_err();
        assert!(!reason.contains("secret"), "{reason}");
    }

    #[rstest]
    #[case("https://a.org", true)]
    #[case("http://127.0.0.1:80/x", true)]
    #[case("http://127.8.9.10", true)]
    #[case("http://[::1]:8080", true)]
    #[case("http://LocalHost:8080", true)]
    #[case("http://a.org", false)]
    #[case("http://localhost.a.org", false)]
    #[case("http://127.0.0.1.a.org", false)]
    #[case("http://10.0.0.1", false)]
    fn plain_http_is_for_this_machine_or_asked_for(#[case] text: &str, #[case] allowed: bool) {
        let address = Address::parse(text).unwrap();
        assert_eq!(address.clone().allow(false).is_ok(), allowed);
        address.allow(true).unwrap();
    }

    #[rstest]
    #[case("https://b.org/y", "https://b.org/y")]
    #[case("//b.org/y", "https://b.org/y")]
    #[case("/y?a=http://c", "https://a.org/y?a=http://c")]
    #[case("y", "https://a.org/x/y")]
    fn a_redirect_is_resolved(#[case] location: &str, #[case] expected: &str) {
        let from = Address::parse("https://a.org/x/z").unwrap();
        let next = from.redirect(location, false).unwrap();
        assert_eq!(next.to_string(), expected);
    }

    #[rstest]
    #[case("https://a.org/x", "http://a.org/x", "not https")]
    #[case("https://a.org/x", "http://127.0.0.1/x", "not https")]
    #[case("https://a.org/x", "https://127.0.0.1/x", "on this machine")]
    #[case("http://a.org/x", "http://localhost/x", "on this machine")]
    #[case("https://a.org/x", "file:///x", "not")]
    #[case("https://a.org/x", "ftp://a.org/x", "\"ftp\"")]
    #[case("https://a.org/x", "data:text/plain,x", "not")]
    #[case("https://a.org/x", "javascript:x", "not")]
    #[case("https://a.org/x", "https://me@b.org/x", "user name")]
    #[case("https://a.org/x", "///x", "not")]
    fn a_redirect_to_elsewhere_is_refused(
        #[case] from: &str,
        #[case] location: &str,
        #[case] reason: &str,
    ) {
        // Not even where plain http was asked for.
        let error = Address::parse(from)
            .unwrap()
            .redirect(location, true)
            .unwrap_err();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn plain_http_stays_on_this_machine_or_goes_up_to_https() {
        let from = Address::parse("http://127.0.0.1:80/x").unwrap();
        from.redirect("http://localhost:81/x", false).unwrap();
        from.redirect("https://a.org/x", false).unwrap();
        let error = from.redirect("http://a.org/x", false).unwrap_err();
        assert!(error.contains("plain http"), "{error}");
    }
}
