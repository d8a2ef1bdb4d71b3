module example.com/everyop

go 1.19
