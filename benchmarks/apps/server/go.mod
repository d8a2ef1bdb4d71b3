module otelchan.example/apps/server

go 1.24
