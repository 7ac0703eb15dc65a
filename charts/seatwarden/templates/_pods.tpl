{{/* What pod security "restricted" asks of a pod. The user is the one of the image. */}}
{{- define "seatwarden.pod.security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "seatwarden.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Where the pods of a component go, from its values. */}}
{{- define "seatwarden.pod.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* What operator and endpoint are told alike. */}}
{{- define "seatwarden.environment" -}}
- name: SEATWARDEN_REDIS_URL
  {{- include "seatwarden.redis.url" . | nindent 2 }}
- name: SEATWARDEN_DURABILITY
  value: {{ .Values.redis.durability }}
{{- if .Values.installationKey.secretName }}
- name: SEATWARDEN_INSTALLATION_KEY_FILE
  value: /etc/seatwarden/installation/installation.key
{{- end }}
- name: SEATWARDEN_LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: SEATWARDEN_LOG_FORMAT
  value: {{ .Values.logFormat }}
{{- end }}

{{/* Where the URL of Redis comes from. A URL with a password is only ever read by the kubelet. */}}
{{- define "seatwarden.redis.url" -}}
{{- $redis := .Values.redis -}}
{{- $ways := 0 -}}
{{- if $redis.url }}{{ $ways = add1 $ways }}{{ end -}}
{{- if $redis.existingSecret.name }}{{ $ways = add1 $ways }}{{ end -}}
{{- if $redis.valkey.enabled }}{{ $ways = add1 $ways }}{{ end -}}
{{- if ne (int $ways) 1 }}
{{- fail "\n\nSeatwarden needs one Redis. Set exactly one of these values:\n  redis.existingSecret.name   a Secret with its URL\n  redis.url                   its URL, where it wants no password\n  redis.valkey.enabled        a small Valkey in the release, for trials\n" }}
{{- end -}}
{{- if $redis.existingSecret.name -}}
valueFrom:
  secretKeyRef:
    name: {{ $redis.existingSecret.name }}
    key: {{ $redis.existingSecret.key }}
{{- else if $redis.url -}}
value: {{ $redis.url | quote }}
{{- else -}}
value: redis://{{ include "seatwarden.fullname" . }}-valkey:6379/0
{{- end }}
{{- end }}

{{- define "seatwarden.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.installationKey.secretName }}
- name: installation-key
  mountPath: /etc/seatwarden/installation
  readOnly: true
{{- end }}
{{- if .Values.redis.tls.secretName }}
- name: redis-tls
  mountPath: /etc/seatwarden/redis-tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "seatwarden.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.installationKey }}
{{- if .secretName }}
- name: installation-key
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      - key: {{ .key | quote }}
        path: installation.key
{{- end }}
{{- end }}
{{- with .Values.redis.tls.secretName }}
- name: redis-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "seatwarden.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: {{ . }}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /livez
    port: {{ . }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ . }}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}
