module example.com/lasting

go 1.26
