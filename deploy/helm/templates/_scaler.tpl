{{- define "perdure.scaler" -}}
{{- if eq (index . 1).autoscaling.by "slots" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{- else -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
{{- end -}}
{{- end -}}

{{/* How many pods a pool has, given (list root pool): never none, since timers and signals need a worker too. */}}
{{- define "perdure.scalerSpec" -}}
{{- $pool := index . 1 -}}
{{- $scaling := $pool.autoscaling -}}
{{- if eq $scaling.by "slots" -}}
minReplicas: {{ $scaling.minReplicas }}
maxReplicas: {{ $scaling.maxReplicas }}
metrics:
  - type: Pods
    pods:
      metric: {name: perdure_worker_slot_utilization}
      target: {type: AverageValue, averageValue: {{ mul $scaling.utilization 10 }}m}
behavior:
  {{- include "perdure.scaleDown" . | nindent 2 }}
{{- else -}}
minReplicaCount: {{ $scaling.minReplicas }}
maxReplicaCount: {{ $scaling.maxReplicas }}
pollingInterval: 15
triggers:
  - type: postgresql
    metadata:
      query: {{ include "perdure.wantedSlots" $pool.name | quote }}
      # The goals of one pod: its processes, their slots, and the part of them that is to be in use.
      targetQueryValue: {{ div (mul $pool.processes $pool.slots $scaling.utilization) 100 | max 1 | quote }}
    authenticationRef: {name: {{ include "perdure.name" (index . 0) }}}
advanced:
  horizontalPodAutoscalerConfig:
    behavior:
      {{- include "perdure.scaleDown" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* A pod that stops hands its goals on, which costs each a moment: not for every lull. */}}
{{- define "perdure.scaleDown" -}}
scaleDown:
  stabilizationWindowSeconds: 300
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end -}}

{{/* The goals of a pool that have a slot or wait for one; those that wait for something else need none. */}}
{{- define "perdure.wantedSlots" -}}
SELECT count(*) FROM goals WHERE status = 'running' AND coalesce(pool, 'default') = '{{ . }}'
{{- end -}}
