module example.com/dumped

go 1.19
