{{/* The pod template of a pool, given (list root pool controlled). */}}
{{- define "perdure.workerTemplate" -}}
{{- $root := index . 0 -}}
{{- $pool := index . 1 -}}
{{- $controlled := index . 2 -}}
{{- $labels := list $root "worker" $pool.name -}}
{{- $temporal := include "perdure.temporal" (list $root $controlled) | fromJson -}}
{{- $own := dict
  "PERDURE_POOL" $pool.name
  "PERDURE_MAX_CONCURRENT_GOALS" ($pool.slots | int | toString)
  "PERDURE_DRAIN_SECONDS" ($pool.drainSeconds | int | toString)
  "PERDURE_METRICS_ADDRESS" "0.0.0.0:9464" -}}
{{- if not $pool.sandbox -}}
{{- $_ := set $own "PERDURE_PLUGINS_DENY" "perdure-code" -}}
{{- end -}}
metadata:
  labels:
    {{- include "perdure.selector" $labels | nindent 4 }}
spec:
  serviceAccountName: {{ include "perdure.serviceAccount" $root }}
  {{- include "perdure.podSecurity" $pool | nindent 2 }}
  # Agents reach the end of a step within drainSeconds; the rest is for the pod's processes to end.
  terminationGracePeriodSeconds: {{ add $pool.drainSeconds 20 }}
  containers:
    - name: worker
      {{- include "perdure.container" $root | nindent 6 }}
      args: [perdure, worker, --processes, {{ $pool.processes | int | quote }}]
      env:
        {{- include "perdure.environment" (dict
          "settings" (list (include "perdure.commonSettings" $root | fromJson) $own $temporal.settings $root.Values.settings $pool.settings)
          "secrets" (list $temporal.secrets $root.Values.secrets $pool.secrets)) | nindent 8 }}
      ports:
        - {name: metrics, containerPort: 9464}
      # It waits for the database before it answers, and answers while it waits for Temporal.
      startupProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 30
        timeoutSeconds: 10
        failureThreshold: 4
      readinessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 15
        timeoutSeconds: 10
        failureThreshold: 2
      {{- include "perdure.containerSecurity" $pool | nindent 6 }}
      resources:
        {{- toYaml $pool.resources | nindent 8 }}
      volumeMounts:
        {{- include "perdure.mounts" (list $root $controlled) | nindent 8 }}
  volumes:
    {{- include "perdure.volumes" (list $root $controlled $pool.homeSize) | nindent 4 }}
  {{- include "perdure.placement" (list $root $pool (include "perdure.selector" $labels)) | trim | nindent 2 }}
{{- end -}}
