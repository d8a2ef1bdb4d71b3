module example.com/awaited

go 1.19
