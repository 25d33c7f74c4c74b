{{/*
The variables of a container, each once, given a dict: root, settings and secrets (lists of maps; later
ones count), controlled (whether the worker controller says where Temporal is).
*/}}
{{- define "perdure.environment" -}}
{{- $variables := dict -}}
{{- range .settings -}}
{{- range $name, $value := . -}}
{{- $_ := set $variables $name (dict "value" $value) -}}
{{- end -}}
{{- end -}}
{{- range .secrets -}}
{{- range $name, $place := . -}}
{{- $_ := set $variables $name (dict "valueFrom" (dict "secretKeyRef" $place)) -}}
{{- end -}}
{{- end -}}
{{- $list := list -}}
{{- range $name := keys $variables | sortAlpha -}}
{{- $list = append $list (merge (dict "name" $name) (get $variables $name)) -}}
{{- end -}}
{{- $list | toYaml -}}
{{- end -}}

{{/* What the chart itself sets everywhere, as JSON. */}}
{{- define "perdure.commonSettings" -}}
{{- $settings := dict "PERDURE_HOME" "/var/lib/perdure" -}}
{{- if .Values.artifacts.existingClaim -}}
{{- $_ := set $settings "PERDURE_ARTIFACTS_URL" "file:///var/lib/perdure-artifacts" -}}
{{- else -}}
{{- $_ := set $settings "PERDURE_ARTIFACTS_URL" .Values.artifacts.url -}}
{{- end -}}
{{- $sandbox := include "perdure.sandboxPools" . -}}
{{- $pools := deepCopy .Values.agentPools -}}
{{- if and $sandbox (not (hasKey $pools "code")) -}}
{{- $_ := set $pools "code" (splitList "," $sandbox | first) -}}
{{- end -}}
{{- $entries := list -}}
{{- range $agent := keys $pools | sortAlpha -}}
{{- $entries = append $entries (printf "%s=%s" $agent (get $pools $agent)) -}}
{{- end -}}
{{- if $entries -}}
{{- $_ := set $settings "PERDURE_AGENT_POOLS" (join "," $entries) -}}
{{- end -}}
{{- if not (hasKey $pools "code") -}}
{{- $_ := set $settings "PERDURE_PLUGINS_DENY" "perdure-code" -}}
{{- end -}}
{{- $settings | toJson -}}
{{- end -}}

{{/* How a process of ours finds Temporal, as JSON: {"settings": {...}, "secrets": {...}}. */}}
{{- define "perdure.temporal" -}}
{{- $root := index . 0 -}}
{{- $controlled := index . 1 -}}
{{- $temporal := $root.Values.temporal -}}
{{- $settings := dict -}}
{{- $secrets := dict -}}
{{- if not $controlled -}}
{{- $_ := set $settings "TEMPORAL_ADDRESS" $temporal.address -}}
{{- $_ := set $settings "TEMPORAL_NAMESPACE" $temporal.namespace -}}
{{- with $temporal.tls.serverName }}{{ $_ := set $settings "TEMPORAL_TLS_SERVER_NAME" . }}{{ end -}}
{{- with $temporal.apiKey }}{{ $_ := set $secrets "TEMPORAL_API_KEY" . }}{{ end -}}
{{- if $temporal.tls.clientSecret -}}
{{- $_ := set $settings "TEMPORAL_TLS_CLIENT_CERT_PATH" "/run/temporal/client/tls.crt" -}}
{{- $_ := set $settings "TEMPORAL_TLS_CLIENT_KEY_PATH" "/run/temporal/client/tls.key" -}}
{{- end -}}
{{- end -}}
{{- if and (or $temporal.tls.enabled $temporal.tls.clientSecret $temporal.tls.caSecret) (not (and $controlled $temporal.tls.clientSecret)) -}}
{{- $_ := set $settings "TEMPORAL_TLS" "true" -}}
{{- end -}}
{{- if $temporal.tls.caSecret -}}
{{- $_ := set $settings "TEMPORAL_TLS_SERVER_CA_CERT_PATH" "/run/temporal/ca/ca.crt" -}}
{{- end -}}
{{- dict "settings" $settings "secrets" $secrets | toJson -}}
{{- end -}}
