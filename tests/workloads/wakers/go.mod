module example.com/wakers

go 1.26
