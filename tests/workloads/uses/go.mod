module example.com/uses

go 1.19
