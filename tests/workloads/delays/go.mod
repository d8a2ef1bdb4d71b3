module example.com/delays

go 1.22
