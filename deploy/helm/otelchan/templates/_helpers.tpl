{{/* Names and labels. */}}
{{- define "otelchan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "otelchan.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "otelchan.selector" -}}
app.kubernetes.io/name: {{ include "otelchan.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "otelchan.labels" -}}
{{ include "otelchan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: otelchan
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "otelchan.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "otelchan.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* "" when the pod has none. A PriorityClass belongs to the cluster, so the namespace is in its name. */}}
{{- define "otelchan.priorityClass" -}}
{{- if .Values.priorityClass.create -}}
{{- default (printf "%s-%s" .Release.Namespace (include "otelchan.fullname" .)) .Values.priorityClass.name -}}
{{- else -}}
{{- .Values.priorityClass.name -}}
{{- end -}}
{{- end -}}

{{- define "otelchan.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* "yes" when the configuration says where to send, or that nothing is sent over the network. */}}
{{- define "otelchan.hasDestination" -}}
{{- $config := default dict .Values.config -}} {{- /* "config:" with nothing below it is null */ -}}
{{- $otlp := default dict $config.otlp -}}
{{- $metrics := default dict $otlp.metrics -}}
{{- $traces := default dict $otlp.traces -}}
{{- if or $otlp.endpoint $metrics.endpoint $traces.endpoint $config.otlp_file (eq (toString $otlp.enabled) "false") -}}
yes
{{- end -}}
{{- end -}}

{{/* A field of the security context since Kubernetes 1.30, an annotation of the pod before. */}}
{{- define "otelchan.hasAppArmorField" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}
yes
{{- end -}}
{{- end -}}
