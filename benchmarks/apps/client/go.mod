module otelchan.example/apps/client

go 1.25
