module example.com/opcount

go 1.19
