{{- /* haproxy.cfg: the rule and the times of deploy/balancer. Replicas stand by their names, which outlive their addresses, and
with ids that stay, so that every balancer sends a path to the same one, for good. */ -}}
{{- define "tendlc-relay.haproxy" -}}
{{- $name := include "tendlc-relay.fullname" . -}}
global
  maxconn 4096
  hard-stop-after 15s

defaults
  mode http
  # Plivo waits 8 s for an answer, the relay takes 5 s at most: what lies between is the balancer's.
  timeout http-request 5s
  timeout connect 1s
  timeout server 6s
  timeout client 10s
  # A machine that is busy for a moment is no reason to leave out a replica.
  timeout check 3s
  # Whatever is in front keeps its connections for 60 s.
  timeout http-keep-alive 75s
  # A replica that cannot be reached, broke off in the midst or has no room is passed by at once. A callback that two
  # replicas took has the same id on both.
  retries 1
  retry-on conn-failure empty-response junk-response 503
  option redispatch 1

frontend callbacks
  bind :8080
  default_backend relays

# For probes: no Service leads here.
frontend health
  bind :8081
  monitor-uri /healthz

backend relays
  # A callback, its retries and whatever is made of a captured one have the same path, but for a slash at its end: they
  # meet the same ledger.
  balance hash path,regsub(/+$,)
  hash-type consistent
  option httpchk GET /readyz
  http-check expect status 200
  # Seen as not ready after 2 s at most: drain_delay is longer.
  default-server check port 9464 inter 1s fastinter 500ms fall 2 rise 1 resolvers cluster resolve-prefer ipv4 init-addr libc,none
  {{- range $number := until (int .Values.replicaCount) }}
  server {{ $name }}-{{ $number }} {{ $name }}-{{ $number }}.{{ $name }}-replicas.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}:8080 id {{ add1 $number }}
  {{- end }}

resolvers cluster
  parse-resolv-conf
  hold valid 1s
{{ end }}
