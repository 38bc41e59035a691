{{- define "fondaco.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What a thing of this release is known by; `component` is api, worker, relay, scheduler or migration. */}}
{{- define "fondaco.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "fondaco.labels" -}}
{{ include "fondaco.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "fondaco.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Non-root, nothing to write to but /tmp, no privileges, no token of the cluster. */}}
{{- define "fondaco.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "fondaco.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "fondaco.volumes" -}}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{- define "fondaco.secretEnv" -}}
- name: {{ .env }}
  valueFrom:
    secretKeyRef: {name: {{ .name }}, key: {{ .key }}}
{{- end }}

{{/* The settings of a component. `databaseKey` is which of the two database URLs it gets. */}}
{{- define "fondaco.env" -}}
{{- $v := .root.Values }}
- {name: FONDACO_PROFILE, value: production}
- {name: FONDACO_HOST, value: "0.0.0.0"}
- {name: FONDACO_PORT, value: "8000"}
- {name: FONDACO_DATA, value: /tmp/fondaco}
- {name: FONDACO_PUBLIC_URL, value: {{ $v.publicUrl | quote }}}
- {name: FONDACO_LOG_LEVEL, value: {{ $v.logLevel }}}
{{- with $v.allowedOrigins }}
- {name: FONDACO_ALLOWED_ORIGINS, value: {{ join "," . | quote }}}
{{- end }}
{{- with $v.trustedProxies }}
- {name: FONDACO_TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- with .pool }}
- {name: FONDACO_DATABASE_POOL, value: {{ . | quote }}}
{{- end }}
{{- if .metrics }}
- {name: FONDACO_METRICS_PORT, value: {{ $v.metrics.port | quote }}}
{{- end }}
{{ include "fondaco.secretEnv" (dict "env" "FONDACO_DATABASE_URL" "name" $v.secrets.database.name "key" .databaseKey) }}
{{ include "fondaco.secretEnv" (dict "env" "FONDACO_ROLE_SECRET" "name" $v.secrets.keys.name "key" $v.secrets.keys.roleSecretKey) }}
{{- if .redis }}
{{ include "fondaco.secretEnv" (dict "env" "FONDACO_REDIS_URL" "name" $v.secrets.redis.name "key" $v.secrets.redis.urlKey) }}
{{- end }}
{{- if .vault }}
{{ include "fondaco.secretEnv" (dict "env" "FONDACO_MASTER_KEY" "name" $v.secrets.keys.name "key" $v.secrets.keys.masterKeyKey) }}
{{- if $v.secrets.mail.name }}
{{ include "fondaco.secretEnv" (dict "env" "FONDACO_MAIL_URL" "name" $v.secrets.mail.name "key" $v.secrets.mail.urlKey) }}
- {name: FONDACO_MAIL_FROM, value: {{ required "mail.from names whom mails come from" $v.mail.from | quote }}}
{{- end }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "fondaco.spread" -}}
topologySpreadConstraints:
{{- if .root.Values.topologySpreadConstraints }}
{{ toYaml .root.Values.topologySpreadConstraints | indent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "fondaco.selector" . | nindent 8 }}
{{- end }}
{{- end }}

{{/* Worker, relay and scheduler: alike but for their command, their keys and their number. */}}
{{- define "fondaco.backDoor" -}}
{{- $part := index .root.Values .component }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "fondaco.name" .root }}-{{ .component }}
  labels: {{- include "fondaco.labels" . | nindent 4 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false $part) }}
  replicas: {{ $part.replicas }}
  {{- end }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels: {{- include "fondaco.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "fondaco.labels" . | nindent 8 }}
        {{- with .root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .root.Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "fondaco.name" .root }}
      # A worker finishes what it has begun; what it cannot finish is begun again by another.
      terminationGracePeriodSeconds: 60
      {{- include "fondaco.podSecurity" .root | nindent 6 }}
      {{- include "fondaco.spread" . | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ include "fondaco.image" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: {{ toJson .command }}
          env:
            {{- include "fondaco.env" (dict "root" .root "databaseKey" .root.Values.secrets.database.urlKey "redis" .redis "vault" .vault "metrics" true "pool" ($part.databasePool)) | nindent 12 }}
          ports:
            - {name: metrics, containerPort: {{ .root.Values.metrics.port }}}
          startupProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          resources: {{- toYaml $part.resources | nindent 12 }}
          {{- include "fondaco.containerSecurity" .root | nindent 10 }}
      {{- include "fondaco.volumes" .root | nindent 6 }}
{{- end }}
