module otelchan.example/apps/work

go 1.24
