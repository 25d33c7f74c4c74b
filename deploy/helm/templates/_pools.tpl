{{/* The pools with what poolDefaults says where a block does not, as JSON: {"pools": [...]}. */}}
{{- define "perdure.pools" -}}
{{- $pools := list -}}
{{- range .Values.pools -}}
{{- $pools = append $pools (mergeOverwrite (deepCopy $.Values.poolDefaults) .) -}}
{{- end -}}
{{- dict "pools" $pools | toJson -}}
{{- end -}}

{{- define "perdure.poolName" -}}
{{- printf "%s-worker-%s" (include "perdure.name" (index . 0)) (index . 1).name -}}
{{- end -}}

{{/* The names of the pools that may make sandboxes, joined. */}}
{{- define "perdure.sandboxPools" -}}
{{- $names := list -}}
{{- range (include "perdure.pools" . | fromJson).pools -}}
{{- if .sandbox }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* Refuse, in a sentence, what values.schema.json cannot. */}}
{{- define "perdure.check" -}}
{{- if eq (empty .Values.artifacts.url) (empty .Values.artifacts.existingClaim) -}}
{{- fail "artifacts: give either url, a bucket, or existingClaim, a volume that many may mount: the API and the workers share what lies there" -}}
{{- end -}}
{{- if and .Values.temporal.apiKey .Values.temporal.tls.clientSecret -}}
{{- fail "temporal: give either apiKey or tls.clientSecret, not both" -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.pools -}}
{{- if has .name $names -}}
{{- fail (printf "pools: two blocks are called %s; give each a name of its own" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- include "perdure.checkVariables" (list .Values.settings .Values.secrets) -}}
{{- include "perdure.checkVariables" (list .Values.api.settings .Values.api.secrets) -}}
{{- range (include "perdure.pools" . | fromJson).pools -}}
{{- include "perdure.checkVariables" (list .settings .secrets) -}}
{{- if and $.Values.workerController.enabled (eq .autoscaling.by "goals") -}}
{{- fail (printf "pools: %s is scaled by goals, which are counted for all versions together: under workerController scale it by slots" .name) -}}
{{- end -}}
{{- if gt (len (include "perdure.poolName" (list $ .))) 63 -}}
{{- fail (printf "pools: %s has more than 63 characters; shorten the release's name or the pool's" (include "perdure.poolName" (list $ .))) -}}
{{- end -}}
{{- if gt .autoscaling.minReplicas .autoscaling.maxReplicas -}}
{{- fail (printf "pools: %s has more minReplicas than maxReplicas" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Given (list settings secrets). */}}
{{- define "perdure.checkVariables" -}}
{{- $secret := list "PERDURE_DATABASE_URL" "PERDURE_LISTEN_URL" "PERDURE_REDIS_URL" "PERDURE_CALLBACK_SECRET" "PERDURE_OIDC_CLIENT_SECRET" "TEMPORAL_API_KEY" "AWS_SECRET_ACCESS_KEY" "AZURE_STORAGE_ACCOUNT_KEY" -}}
{{- $chart := dict "PERDURE_HOME" "" "PERDURE_HOST" "" "PERDURE_PORT" "api.service.port" "PERDURE_METRICS_ADDRESS" "" "PERDURE_TRUSTED_PROXIES" "ingress.trustedProxies" "PERDURE_ARTIFACTS_URL" "artifacts.url" "PERDURE_AGENT_POOLS" "agentPools" "PERDURE_POOL" "pools[].name" "PERDURE_MAX_CONCURRENT_GOALS" "pools[].slots" "PERDURE_DRAIN_SECONDS" "pools[].drainSeconds" "PERDURE_BUILD_ID" "workerController" "PERDURE_MAKE_CURRENT" "workerController" "TEMPORAL_ADDRESS" "temporal.address" "TEMPORAL_NAMESPACE" "temporal.namespace" "TEMPORAL_API_KEY" "temporal.apiKey" "TEMPORAL_DEPLOYMENT_NAME" "workerController" "TEMPORAL_WORKER_BUILD_ID" "workerController" -}}
{{- range $name, $_ := index . 0 -}}
{{- if or (has $name $secret) (regexMatch "^[A-Z0-9_]*API_KEY$" $name) -}}
{{- fail (printf "settings.%s is a secret: name the Secret that has it under secrets, as {name: ..., key: ...}" $name) -}}
{{- end -}}
{{- end -}}
{{- range $variables := . -}}
{{- range $name, $_ := $variables -}}
{{- if hasKey $chart $name -}}
{{- fail (printf "%s is set by the chart%s" $name (empty (get $chart $name) | ternary "" (printf ": change %s instead" (get $chart $name)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
