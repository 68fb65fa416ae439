//! The Helm chart, rendered by the real helm and held against the real binary and the real haproxy.

mod balancer;
mod chart;
mod objects;
mod pod;
mod refused;
