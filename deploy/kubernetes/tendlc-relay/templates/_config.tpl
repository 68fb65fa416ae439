{{- /* relay.toml: what the values say, and what the pod is built around. */ -}}
{{- define "tendlc-relay.config" -}}
{{- $given := dict "ingress.listen" .Values.config.ingress.listen "ingress.public_urls" .Values.config.ingress.public_urls "spool.path" (.Values.config.spool).path -}}
{{- range $key, $value := $given -}}
{{- if $value }}{{ fail (printf "config.%s: the chart itself sets it (public_urls from publicUrls): leave it out" $key) }}{{ end -}}
{{- end -}}
{{- include "tendlc-relay.refuseSecrets" (dict "path" "config" "tree" .Values.config) -}}
{{- $ingress := dict "listen" "0.0.0.0:8080" "public_urls" .Values.publicUrls -}}
{{- $spool := dict "path" "/var/lib/tendlc-relay/spool" -}}
{{- $admin := dict "listen" "0.0.0.0:9464" -}}
{{- $own := dict "accounts_dir" "/etc/tendlc-relay/accounts" "admin" $admin "ingress" $ingress "spool" $spool -}}
# Made by Helm. Every key stands with its whole path, as in the reference of the README.
{{- include "tendlc-relay.toml" (dict "path" "" "tree" (mergeOverwrite (deepCopy .Values.config) $own)) }}
{{ end }}

{{- /* A line for each key: `ingress.drain_delay = "5s"`. Strings and lists are the same in JSON and in TOML. */ -}}
{{- define "tendlc-relay.toml" -}}
{{- range $key, $value := .tree -}}
{{- $name := ternary $key ($key | toJson) (regexMatch "^[A-Za-z0-9_-]+$" $key) -}}
{{- $path := ternary (printf "%s.%s" $.path $name) $name (ne $.path "") -}}
{{- if kindIs "invalid" $value -}}
{{- else if and (kindIs "map" $value) $value -}}
{{- include "tendlc-relay.toml" (dict "path" $path "tree" $value) }}
{{- else }}
{{ $path }} = {{ $value | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tendlc-relay.refuseSecrets" -}}
{{- range $key, $value := .tree -}}
{{- $path := printf "%s.%s" $.path $key -}}
{{- if kindIs "map" $value -}}
{{- include "tendlc-relay.refuseSecrets" (dict "path" $path "tree" $value) -}}
{{- else if has $key (list "tokens" "main_tokens" "password" "key_password" "token" "nkey") -}}
{{- fail (printf "%s: this would stand in a ConfigMap: put it into a Secret, name that in `secrets`, and its file in %s_file" $path $path) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* A duration of relay.toml (`1m30s`, or seconds) in milliseconds. */ -}}
{{- define "tendlc-relay.milliseconds" -}}
{{- $factors := dict "d" 86400000 "h" 3600000 "m" 60000 "s" 1000 "ms" 1 "" 1000 -}}
{{- $total := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]*" (toString .) -1 -}}
{{- $total = add $total (mul (regexFind "^[0-9]+" . | int64) (get $factors (regexFind "[a-z]*$" .))) -}}
{{- end -}}
{{- $total -}}
{{- end }}

{{- /* The command before SIGTERM, then drain_delay, then grace_period for requests and once more for the lanes. */ -}}
{{- define "tendlc-relay.terminationGracePeriodSeconds" -}}
{{- $before := include "tendlc-relay.milliseconds" .Values.publishBeforeStop | int64 -}}
{{- $delay := include "tendlc-relay.milliseconds" .Values.config.ingress.drain_delay | int64 -}}
{{- $grace := include "tendlc-relay.milliseconds" .Values.config.grace_period | int64 -}}
{{- if le $before $delay -}}
{{- fail (printf "publishBeforeStop: %s is not longer than config.ingress.drain_delay (%s), for which nothing may have come before all counts as published" .Values.publishBeforeStop .Values.config.ingress.drain_delay) -}}
{{- end -}}
{{- /* Ten seconds for what has no limit of its own: starting the command, and closing the spool. */ -}}
{{- div (add $before $delay $grace $grace 10999) 1000 -}}
{{- end }}

{{- /* The ports of the sinks' servers, as a list in JSON. */ -}}
{{- define "tendlc-relay.brokerPorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.brokerPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- range .Values.config.sinks -}}
{{- range .servers -}}
{{- /* Kafka's have to have one; it is NATS's usual one where there is none. */ -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "4222" | int) -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | sortAlpha | toJson -}}
{{- end }}
