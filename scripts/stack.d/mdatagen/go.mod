module otelchan.invalid/stack/mdatagen

go 1.26.0

require go.opentelemetry.io/collector/cmd/mdatagen v0.155.0
