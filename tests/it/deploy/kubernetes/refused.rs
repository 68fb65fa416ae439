//! What the chart does not take.

use super::chart::{try_render, try_template};

#[test]
fn a_wrong_value_is_refused_by_its_name() {
    for (set, said) in [
        ("image.repository=", "image.repository"),
        ("image.tag=latest", "image.tag: latest is whatever it is today"),
        ("accountsSecret=", "accountsSecret"),
        ("replicaCount=0", "replicaCount"),
        ("replicacount=3", "replicacount is not allowed"),
        ("publicUrls[0]=relay.example.com", "publicUrls.0"),
        ("publicUrls[0]=https://relay.example.com/tendlc_status/", "publicUrls.0"),
        ("config.sinks=null", "config"),
        ("config.sinks.nats.type=rabbit", "\"kafka\", \"nats\", \"file\""),
        ("config.sinks.nats.password=pass", "config.sinks.nats.password_file"),
        ("config.sinks.nats.tls.key_password=pass", "config.sinks.nats.tls.key_password_file"),
        ("config.accounts.acme.auth_id=MA1", "accounts is not allowed"),
        ("config.spool.path=/elsewhere", "config.spool.path: the chart itself sets it"),
        ("config.ingress.listen=0.0.0.0:1", "config.ingress.listen: the chart itself sets it"),
        ("config.ingress.drain_delay=5 s", "config.ingress.drain_delay"),
        ("config.ingress.drain_delay=30s", "publishBeforeStop: 30s is not longer than"),
        ("config.grace_period=soon", "config.grace_period"),
        ("persistence.accessMode=ReadWriteMany", "persistence.accessMode"),
        ("spread.zones=Always", "spread.zones"),
        ("balancer.image=haproxy", "balancer.image"),
    ] {
        let Some(finished) = try_template("minimal", &["--set", set]) else { return };
        assert_eq!(finished.code, Some(1), "{set}: {finished:#?}");
        assert!(finished.err.contains(said), "{set}: no {said:?} in\n{}", finished.err);
    }
}

/// What the chart hands on as it is, Kubernetes would refuse: so do its schemas.
#[test]
fn what_kubernetes_does_not_know_is_refused() {
    let Some(finished) = try_render("minimal", &["--set", "resources.limitz.cpu=1"]) else { return };
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.err.contains("StatefulSet") && finished.err.contains("limitz"), "{finished:#?}");
}
