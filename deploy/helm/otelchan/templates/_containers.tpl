{{/*
The container of otelchan, the same in both forms.
Takes a dict: root (the chart), form (node or sidecar), resources, endpoint ("": as the configuration says).
*/}}
{{- define "otelchan.container" -}}
{{- $values := .root.Values -}}
{{- $node := eq .form "node" -}}
name: otelchan
image: {{ include "otelchan.image" .root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  - run
  - --all
  {{- range $values.include }}
  - {{ printf "--include=%s" . | quote }}
  {{- end }}
  {{- range $values.exclude }}
  - {{ printf "--exclude=%s" . | quote }}
  {{- end }}
  - --config=/etc/otelchan/otelchan.yaml
  - {{ printf "--status-listen=%s:%d" $values.status.address (int $values.status.port) | quote }}
  - --log-level={{ $values.logLevel }}
  {{- with $values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  - {name: OTELCHAN_STATUS_ANYWHERE, value: "true"} # the kubelet asks the pod's address
  {{- include "otelchan.podNames" . | nindent 2 }}
  - name: OTEL_RESOURCE_ATTRIBUTES # of the metrics about otelchan itself; programs have their own
    value: host.name=$(K8S_NODE_NAME),k8s.node.name=$(K8S_NODE_NAME),k8s.namespace.name=$(K8S_NAMESPACE_NAME),k8s.pod.name=$(K8S_POD_NAME),k8s.pod.uid=$(K8S_POD_UID),k8s.container.name=otelchan
  {{- if eq .endpoint "node" }}
  - {name: NODE_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
  {{- end }}
  {{- if .endpoint }}
  - name: OTEL_EXPORTER_OTLP_ENDPOINT
    value: {{ ternary "http://$(NODE_IP):4318" .endpoint (eq .endpoint "node") }}
  {{- end }}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: status, containerPort: {{ $values.status.port }}, protocol: TCP}
{{- if $node }}
startupProbe: # ten minutes; /healthz by itself gives a start that hangs up after five
  httpGet: {path: /healthz, port: status}
  periodSeconds: 5
  failureThreshold: 120
  timeoutSeconds: 2
readinessProbe: # a rollout waits until the programs of the node are attached or refused
  httpGet: {path: /readyz, port: status}
  periodSeconds: 10
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: /healthz, port: status}
  periodSeconds: 15
  timeoutSeconds: 2
{{- else }}
livenessProbe: # and neither of the others: the application must not wait for otelchan, nor go out of service with it
  httpGet: {path: /healthz, port: status}
  initialDelaySeconds: 60
  periodSeconds: 15
  timeoutSeconds: 2
{{- end }}
securityContext:
  runAsUser: 0 # capabilities of a container belong to root
  runAsGroup: 0
  runAsNonRoot: false
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: # docs/permissions.md
    drop: [ALL]
    add:
      - BPF # load the BPF program
      - PERFMON # attach it
      - SYS_PTRACE # read the memory of programs
      - DAC_READ_SEARCH # and executables that only others may read
      {{- if $node }}
      {{- range $values.nodeAgent.extraCapabilities }}
      - {{ . }}
      {{- end }}
      {{- end }}
  seccompProfile: {type: RuntimeDefault}
  {{- if $node }}
  {{- if and $values.nodeAgent.appArmorProfile (include "otelchan.hasAppArmorField" .root) }}
  appArmorProfile: {type: {{ $values.nodeAgent.appArmorProfile }}}
  {{- end }}
  {{- with $values.nodeAgent.seLinuxOptions }}
  seLinuxOptions: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
resources: {{- toYaml .resources | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/otelchan, readOnly: true}
  - {name: cache, mountPath: /var/cache/otelchan}
  - {name: dumps, mountPath: /var/lib/otelchan}
  - {name: locks, mountPath: /run/otelchan}
  - {name: tmp, mountPath: /tmp}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Volumes of that container. Takes a dict: root, form. */}}
{{- define "otelchan.volumes" -}}
{{- $values := .root.Values -}}
- {name: config, configMap: {name: {{ include "otelchan.fullname" .root }}}}
- {name: cache, emptyDir: {sizeLimit: {{ $values.nodeAgent.cacheSize }}}}
- {name: dumps, emptyDir: {sizeLimit: {{ $values.nodeAgent.dumpSize }}}}
{{- if and (eq .form "node") $values.nodeAgent.lockFolder }}
- {name: locks, hostPath: {path: {{ $values.nodeAgent.lockFolder }}, type: DirectoryOrCreate}}
{{- else }}
- {name: locks, emptyDir: {sizeLimit: 1Mi}}
{{- end }}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the pod is called, from the downward API. */}}
{{- define "otelchan.podNames" -}}
- {name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: K8S_NAMESPACE_NAME, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: K8S_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: K8S_POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
{{- end -}}

{{/* Variables of collector-config/agent.yaml and sidecar.yaml. Takes a dict: root, memory (MiB). */}}
{{- define "otelchan.collectorEnv" -}}
{{- $collector := .root.Values.collector -}}
{{ include "otelchan.podNames" . }}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: OTELCHAN_COLLECTOR_HEALTH, value: "$(POD_IP):13133"} # probes come from the node
- {name: OTELCHAN_COLLECTOR_METRICS_HOST, value: $(POD_IP)} # Prometheus scrapes from elsewhere
- {name: OTELCHAN_COLLECTOR_MEMORY_MIB, value: {{ .memory | quote }}}
- {name: GOMEMLIMIT, value: {{ div (mul .memory 8) 10 }}MiB}
- {name: OTELCHAN_GATEWAY_ENDPOINT, value: {{ $collector.gateway.endpoint | quote }}}
- {name: OTELCHAN_GATEWAY_INSECURE, value: {{ $collector.gateway.insecure | quote }}}
{{- if $collector.gateway.tlsSecret }}
- {name: OTELCHAN_GATEWAY_CA, value: /etc/otelcol/tls/ca.crt}
- {name: OTELCHAN_GATEWAY_CLIENT_CERT, value: /etc/otelcol/tls/tls.crt}
- {name: OTELCHAN_GATEWAY_CLIENT_KEY, value: /etc/otelcol/tls/tls.key}
{{- end }}
{{- end -}}

{{/* The Collector's container. Takes a dict: root, file (agent.yaml or sidecar.yaml), memory (MiB), resources, token. */}}
{{- define "otelchan.collectorContainer" -}}
{{- $collector := .root.Values.collector -}}
name: collector
image: {{ $collector.image }}
args: [--config=/etc/otelcol/{{ .file }}]
env:
  {{- include "otelchan.collectorEnv" . | nindent 2 }}
ports:
  - {name: metrics, containerPort: 8888, protocol: TCP}
  - {name: health, containerPort: 13133, protocol: TCP}
{{- if .token }}
readinessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 10
{{- else }}
livenessProbe: # and neither of the others, as for otelchan
  httpGet: {path: /, port: health}
  initialDelaySeconds: 30
  periodSeconds: 15
{{- end }}
securityContext:
  runAsUser: 10001
  runAsGroup: 10001
  runAsNonRoot: true
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
resources: {{- toYaml .resources | nindent 2 }}
volumeMounts:
  - {name: collector-config, mountPath: /etc/otelcol/{{ .file }}, subPath: {{ .file }}, readOnly: true}
  {{- if $collector.gateway.tlsSecret }}
  - {name: collector-tls, mountPath: /etc/otelcol/tls, readOnly: true}
  {{- end }}
  {{- if .token }}
  - {name: collector-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  {{- end }}
{{- end -}}

{{/* Volumes of that container. Takes a dict: root, token. */}}
{{- define "otelchan.collectorVolumes" -}}
- {name: collector-config, configMap: {name: {{ include "otelchan.fullname" .root }}-collector}}
{{- with .root.Values.collector.gateway.tlsSecret }}
- {name: collector-tls, secret: {secretName: {{ . }}}}
{{- end }}
{{- if .token }}
- name: collector-token # for this container alone
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}
{{- end -}}
