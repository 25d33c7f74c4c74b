{{/* What every pod says of its security, given whether it may make sandboxes and its profile. */}}
{{- define "perdure.podSecurity" -}}
automountServiceAccountToken: false
{{- if .sandbox }}
# A user namespace of its own, without which Kubernetes unmasks no /proc.
hostUsers: false
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
{{- if .sandbox }}
  # bubblewrap makes namespaces and mounts in them, without any capability.
  seccompProfile: {type: Localhost, localhostProfile: {{ .sandboxProfile }}}
  appArmorProfile: {type: Unconfined}
{{- else }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- end -}}

{{- define "perdure.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- if .sandbox }}
  procMount: Unmasked
{{- end }}
{{- end -}}

{{- define "perdure.container" -}}
image: {{ include "perdure.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{/* Given (list root controlled). */}}
{{- define "perdure.mounts" -}}
{{- $values := (index . 0).Values -}}
- {name: tmp, mountPath: /tmp}
- {name: home, mountPath: /var/lib/perdure}
{{- if $values.artifacts.existingClaim }}
- {name: artifacts, mountPath: /var/lib/perdure-artifacts}
{{- end }}
{{- if and $values.temporal.tls.clientSecret (not (index . 1)) }}
- {name: temporal-client, mountPath: /run/temporal/client, readOnly: true}
{{- end }}
{{- if $values.temporal.tls.caSecret }}
- {name: temporal-ca, mountPath: /run/temporal/ca, readOnly: true}
{{- end }}
{{- range $number, $file := $values.secretFiles }}
- {name: secret-{{ $number }}, mountPath: {{ $file.path }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* Given (list root controlled homeSize). */}}
{{- define "perdure.volumes" -}}
{{- $values := (index . 0).Values -}}
- {name: tmp, emptyDir: {}}
- {name: home, emptyDir: {sizeLimit: {{ index . 2 }}}}
{{- with $values.artifacts.existingClaim }}
- {name: artifacts, persistentVolumeClaim: {claimName: {{ . }}}}
{{- end }}
{{- if and $values.temporal.tls.clientSecret (not (index . 1)) }}
- {name: temporal-client, secret: {secretName: {{ $values.temporal.tls.clientSecret }}}}
{{- end }}
{{- with $values.temporal.tls.caSecret }}
- {name: temporal-ca, secret: {secretName: {{ . }}}}
{{- end }}
{{- range $number, $file := $values.secretFiles }}
- {name: secret-{{ $number }}, secret: {secretName: {{ $file.secret }}, defaultMode: 0440}}
{{- end }}
{{- end -}}

{{/* Where pods go, given (list root placement selector): apart from each other, if there is room. */}}
{{- define "perdure.placement" -}}
{{- $placement := index . 1 -}}
{{- with (index . 0).Values.image.pullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $placement.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $placement.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $placement.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- index . 2 | nindent 8 }}
{{- end -}}
