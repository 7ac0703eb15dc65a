{{- define "seatwarden.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "seatwarden.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "seatwarden.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "seatwarden.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "seatwarden.operator.account" -}}
{{- default (printf "%s-operator" (include "seatwarden.fullname" .)) .Values.operator.serviceAccount.name }}
{{- end }}

{{/* What selects the pods of a component; must never change. Takes (list $ "component"). */}}
{{- define "seatwarden.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "seatwarden.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The labels of an object. Takes (list $ "component"). */}}
{{- define "seatwarden.labels" -}}
{{- $root := index . 0 -}}
{{ include "seatwarden.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: seatwarden
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels of a pod. No version of the chart: a pod is not started anew for that. Takes (list $ "component"). */}}
{{- define "seatwarden.pod.labels" -}}
{{ include "seatwarden.selector" . }}
app.kubernetes.io/part-of: seatwarden
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A reference to an image. Takes (list "repository" "tag" "digest"). */}}
{{- define "seatwarden.reference" -}}
{{- if index . 2 -}}
{{ index . 0 }}@{{ index . 2 }}
{{- else -}}
{{ index . 0 }}:{{ index . 1 }}
{{- end }}
{{- end }}

{{- define "seatwarden.image" -}}
{{- with .Values.image -}}
{{ include "seatwarden.reference" (list .repository (default $.Chart.AppVersion .tag) .digest) }}
{{- end }}
{{- end }}
