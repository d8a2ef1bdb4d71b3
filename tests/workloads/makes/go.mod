module example.com/makes

go 1.19
